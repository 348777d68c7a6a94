//! A naive client on raw sockets, which knows HTTP and HTML but nothing of how the web is made.

#![allow(dead_code, reason = "each test file uses its own part of it")]

use std::{
    cell::RefCell,
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
};

use html5ever::{
    tendril::StrTendril,
    tokenizer::{
        BufferQueue, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer,
        states::RawKind::{Rawtext, Rcdata, ScriptData},
    },
};
use url::Url;

/// What a client reads at most of one answer.
pub(crate) const ANSWER_BYTES_MAX: usize = 8 << 20;

/// What a client reads of one document in search of links. All of a hostile page's links are before that.
const DOCUMENT_BYTES_MAX: usize = 1 << 20;

/// Sends these bytes, says that no more will come, and reads to the end: everything that the server has to say
/// to them. Once the end was seen, the log is complete for this connection.
pub(crate) fn exchange(addr: SocketAddr, request: impl AsRef<[u8]>) -> Vec<u8> {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.write_all(request.as_ref()).unwrap();
    let mut received = Vec::new();
    // A reset is an end too, and can come at any time; what came before it is read.
    let _ = stream.shutdown(Shutdown::Write);
    let _ = stream.take(ANSWER_BYTES_MAX as u64).read_to_end(&mut received);
    received
}

/// A GET of a URL, as most clients would send it.
pub(crate) fn get(url: &str) -> String {
    let url = Url::parse(url).unwrap();
    let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
    format!("GET {path} HTTP/1.1\r\nHost: {}\r\nUser-Agent: naive\r\n\r\n", url.authority())
}

/// One answer out of what a server sent.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// Why the body is not whole.
    pub(crate) defect: Option<&'static str>,
    /// Where the next answer begins.
    pub(crate) end: usize,
}

impl Answer {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let fields = self.head.split("\r\n").skip(1).filter_map(|line| line.split_once(": "));
        fields.into_iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(crate) fn text(&self) -> String {
        let mut body = self.body.clone();
        if self.field("content-encoding") == Some("gzip") {
            body.clear();
            flate2::read::GzDecoder::new(&self.body[..]).read_to_end(&mut body).unwrap();
        }
        String::from_utf8_lossy(&body).into_owned()
    }
}

/// Reads the answer to a GET or, without a body, to a HEAD; `None` where it is no HTTP.
pub(crate) fn read_answer(bytes: &[u8], has_body: bool) -> Option<Answer> {
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let mut answer = Answer { status, head, body: Vec::new(), defect: None, end };
    if !has_body {
        return Some(answer);
    }
    let rest = &bytes[end..];
    if answer.field("transfer-encoding") == Some("chunked") {
        let mut at = 0;
        while let Some(line) = rest[at..].windows(2).position(|w| w == b"\r\n") {
            let size = usize::from_str_radix(std::str::from_utf8(&rest[at..at + line]).ok()?, 16).ok()?;
            at += line + 2;
            let Some(chunk) = rest.get(at..at + size + 2) else { break };
            at += size + 2;
            answer.body.extend_from_slice(&chunk[..size]);
            if size == 0 {
                answer.end += at;
                return Some(answer);
            }
        }
        answer.defect = Some(if bytes.len() >= ANSWER_BYTES_MAX { "endless" } else { "truncated" });
    } else if let Some(length) = answer.field("content-length") {
        let length: usize = length.parse().ok()?;
        answer.body = rest[..length.min(rest.len())].to_vec();
        answer.end += answer.body.len();
        answer.defect = (rest.len() < length).then_some("truncated");
    } else {
        answer.body = rest.to_vec();
        answer.end = bytes.len();
    }
    Some(answer)
}

/// The URLs of a document's links, by html5ever and the URL Standard.
pub(crate) fn links(html: &str, base: &str) -> Vec<String> {
    struct Sink(RefCell<Vec<String>>);
    impl TokenSink for Sink {
        type Handle = ();
        fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
            let Token::TagToken(tag) = token else { return TokenSinkResult::Continue };
            if tag.kind != TagKind::StartTag {
                return TokenSinkResult::Continue;
            }
            match &*tag.name {
                "a" => {
                    let href = tag.attrs.iter().find(|attr| &*attr.name.local == "href");
                    self.0.borrow_mut().extend(href.map(|attr| attr.value.to_string()));
                }
                "script" => return TokenSinkResult::RawData(ScriptData),
                "style" => return TokenSinkResult::RawData(Rawtext),
                "title" | "textarea" => return TokenSinkResult::RawData(Rcdata),
                _ => {}
            }
            TokenSinkResult::Continue
        }
    }
    let tokenizer = Tokenizer::new(Sink(RefCell::default()), Default::default());
    let input = BufferQueue::default();
    let cut = (0..=html.len().min(DOCUMENT_BYTES_MAX)).rev().find(|at| html.is_char_boundary(*at));
    input.push_back(StrTendril::from_slice(&html[..cut.unwrap_or_default()]));
    let _ = tokenizer.feed(&input);
    tokenizer.end();
    let base = Url::parse(base).unwrap();
    let resolve = |href: String| {
        let mut url = base.join(&href).unwrap();
        url.set_fragment(None);
        url.to_string()
    };
    tokenizer.sink.0.into_inner().into_iter().map(resolve).collect()
}
