//! What the web says to a request: a page in one piece, or the steps of a misbehaviour.
//!
//! Owns heads, status lines and framing. Never touches a socket.

use std::{
    collections::HashMap,
    io::Write as _,
    sync::{LazyLock, Mutex, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};

use crate::{
    Method, Step,
    behaviour::Behaviour,
    dice::{Dice, Purpose},
    markup::END,
    naming::push_number,
    plan::{Place, Plan},
    reference::Speller,
    request::{Persistence, Request},
    robots::RobotsKind,
    script::status_of,
    sites::{Site, Sites},
};

/// Elements inside one another on a page that is there for that.
const DEEP_LEVELS: usize = 1_000_000;

/// What a body that is cut short lacks, in bytes.
const MISSING_BYTES: usize = 1_000;

/// Size of the pieces that large bodies are sent in: about what a socket buffer takes at once.
const BLOCK_BYTES: usize = 64 << 10;

/// Compressed pages that are kept, in bytes, so that gzip is not what a benchmark measures. Pages past it are
/// compressed at each request.
const GZIP_CACHE_BYTES_MAX: usize = 64 << 20;

/// Bytes of an ordinary chunk.
const CHUNK_BYTES: usize = 4_000;

const HTML: &str = "Content-Type: text/html; charset=utf-8\r\n";

/// Types of malformed pages: none of them tells the truth, all of them leave ASCII as it is.
const LYING_TYPES: [&str; 4] = [
    "Content-Type: text/html; charset=iso-8859-1\r\n",
    "Content-Type: text/html; charset=x-no-such-thing\r\n",
    "Content-Type: text/html;charset=\"\r\n",
    "Content-Type: text/html\r\n",
];

/// Openings of an answer that are no HTTP: another protocol's greeting, half a status line, a TLS alert.
const NO_HTTP: [&str; 3] = [
    "220 mail.fakeweb.test ESMTP ready\r\n\r\n",
    "HTTP/1.1 abc Nonsense\r\nContent-Length: 0\r\n\r\n",
    "\x15\x03\x01\x00\x02\x02\x50\r\n\r\n",
];

static DIVS: LazyLock<Bytes> = LazyLock::new(|| "<div>".repeat(1_000).into());

/// How a body's end is found (RFC 9112 §6).
#[derive(Debug, Clone, Copy)]
enum Framing {
    Length(usize),
    Chunked,
    UntilClose,
}

/// An answer on its way.
#[derive(Debug)]
pub(crate) enum Answer {
    /// It is in the out-buffer, whole; its status.
    Written(u16),
    /// These steps have to be done.
    Steps(Vec<Step>),
}

impl Answer {
    /// The status of its status line, if it has one.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Answer::Written(status) => Some(*status),
            Answer::Steps(steps) => status_of(steps),
        }
    }
}

/// What is remembered between answers.
#[derive(Debug)]
pub(crate) struct Memory {
    /// Pages that refused once, with how often they were asked for.
    asked: Mutex<HashMap<(u32, u32), u32>>,
    /// Hosts whose robots.txt was out, with how often it was asked for.
    robots_asked: Mutex<HashMap<u32, u32>>,
    gzipped: Mutex<GzipCache>,
    /// Text for large bodies, about [`BLOCK_BYTES`] of it.
    filler: Bytes,
}

#[derive(Debug, Default)]
struct GzipCache {
    pages: HashMap<(u32, u32), Bytes>,
    bytes: usize,
}

impl Memory {
    pub(crate) fn new(plan: &Plan) -> Self {
        let mut filler = Vec::with_capacity(BLOCK_BYTES + 256);
        plan.prose.push(BLOCK_BYTES, &mut Dice::of(plan.seed, 0, 0, Purpose::Markup), &mut filler);
        Self {
            asked: Mutex::default(),
            robots_asked: Mutex::default(),
            gzipped: Mutex::default(),
            filler: filler.into(),
        }
    }

    /// Lets every page refuse once more.
    pub(crate) fn forget(&self) {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.robots_asked.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// How often a host's robots.txt was asked for, this time included.
    fn robots_asked(&self, host: u32) -> u32 {
        let mut asked = self.robots_asked.lock().unwrap_or_else(PoisonError::into_inner);
        let count = asked.entry(host).or_default();
        *count = count.saturating_add(1);
        *count
    }

    /// True at the first call for a page.
    fn is_first(&self, host: u32, page: u32) -> bool {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let count = asked.entry((host, page)).or_default();
        *count = count.saturating_add(1);
        *count == 1
    }

    /// A page compressed, whose HTML `html` is.
    fn gzip(&self, host: u32, page: u32, html: &[u8]) -> Bytes {
        let lock = || self.gzipped.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bytes) = lock().pages.get(&(host, page)) {
            return bytes.clone();
        }
        let mut encoder = GzEncoder::new(Vec::with_capacity(html.len() / 3), Compression::fast());
        // Writing to a Vec cannot fail.
        let bytes = Bytes::from(encoder.write_all(html).and_then(|()| encoder.finish()).unwrap_or_default());
        let mut cache = lock();
        if cache.bytes + bytes.len() <= GZIP_CACHE_BYTES_MAX {
            cache.bytes += bytes.len();
            cache.pages.insert((host, page), bytes.clone());
        }
        bytes
    }
}

/// Writes the answer to one request.
pub(crate) struct Writer<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) memory: &'a Memory,
    pub(crate) sites: &'a Sites,
    /// Room for a body while its length is not known; its contents do not matter.
    pub(crate) body: &'a mut Vec<u8>,
    /// Where an answer in one piece goes, behind what is there.
    pub(crate) out: &'a mut Vec<u8>,
    pub(crate) head_only: bool,
    pub(crate) connection: Persistence,
    /// When the rest is over that the answer asks for.
    pub(crate) rest_until: Option<Instant>,
}

impl Writer<'_> {
    /// Answers for a place, or for the lack of one.
    pub(crate) fn answer(&mut self, request: &Request<'_>, place: Option<Place>) -> Answer {
        match place {
            _ if request.method == Method::Other => self.short(405, "Allow: GET, HEAD\r\n"),
            None => self.short(404, ""),
            Some(Place::Robots { host }) => self.robots(host, 0),
            Some(Place::RobotsHop { of, hop, .. }) => self.robots(of, hop),
            Some(Place::Sitemap { host }) => self.sitemap(host),
            Some(place @ Place::Hop { .. }) => self.redirect(place),
            Some(place @ Place::Page { host, page }) => match self.refuse_now(host, page) {
                Some(refusal) => refusal,
                None => self.behave(place, host, page),
            },
        }
    }

    fn behave(&mut self, place: Place, host: u32, page: u32) -> Answer {
        match self.plan.behaviour(host, page) {
            Behaviour::Plain | Behaviour::Private | Behaviour::ManyLinks => self.page(host, page, HTML),
            Behaviour::Redirect
            | Behaviour::RedirectAway
            | Behaviour::RedirectChain
            | Behaviour::RedirectLoop => self.redirect(place),
            behaviour => self.misbehave(host, page, behaviour),
        }
    }

    /// Answers for a site by name; `host` in lower case, without a port.
    pub(crate) fn site(&mut self, request: &Request<'_>, site: Site, host: &str) -> Answer {
        if request.method == Method::Other {
            return self.short(405, "Allow: GET, HEAD\r\n");
        }
        self.body.clear();
        let reply = self.sites.answer(self.plan, site, host, request.path, self.body);
        self.rest_until = reply.rest_until;
        if reply.fields.is_empty() {
            return self.short(reply.status, "");
        }
        self.body_as(reply.status, &reply.fields)
    }

    /// An answer to what is no request.
    pub(crate) fn refuse(&mut self, status: u16) -> Answer {
        self.short(status, "")
    }

    fn misbehave(&mut self, host: u32, page: u32, behaviour: Behaviour) -> Answer {
        let refuses = matches!(behaviour, Behaviour::Busy | Behaviour::Throttled)
            && !self.head_only
            && self.memory.is_first(host, page);
        let mut dice = self.plan.dice(host, page, Purpose::Cast);
        match behaviour {
            Behaviour::NotFound => self.short(404, ""),
            Behaviour::Gone => self.short(410, ""),
            Behaviour::ServerError => self.short(500, ""),
            Behaviour::Busy if refuses => self.short(503, ""),
            Behaviour::Throttled if refuses => {
                self.rest_until = Some(Instant::now() + Duration::from_secs(1));
                self.short(429, "Retry-After: 1\r\n")
            }
            Behaviour::MalformedHtml => self.page(host, page, dice.pick(&LYING_TYPES)),
            Behaviour::Closed => Answer::Steps(vec![Step::Close]),
            Behaviour::Reset => Answer::Steps(vec![Step::Reset]),
            Behaviour::Hang => Answer::Steps(vec![Step::Hang]),
            Behaviour::MalformedHead => {
                Answer::Steps(vec![Step::respond(dice.pick(&NO_HTTP).as_bytes().to_vec()), Step::Close])
            }
            Behaviour::Gzip => {
                self.render(host, page);
                let body = self.memory.gzip(host, page, self.body);
                let fields = [HTML, "Content-Encoding: gzip\r\n"].concat();
                self.whole(200, &fields, &body)
            }
            Behaviour::Slow
            | Behaviour::ShortBody
            | Behaviour::CutChunked
            | Behaviour::Big
            | Behaviour::Endless
            | Behaviour::CloseDelimited
            | Behaviour::Chunked
            | Behaviour::Deep => self.in_steps(host, page, behaviour),
            _ => self.page(host, page, HTML),
        }
    }

    /// A 200 whose body does not come as one piece.
    fn in_steps(&mut self, host: u32, page: u32, behaviour: Behaviour) -> Answer {
        self.render(host, page);
        let body = Bytes::copy_from_slice(self.body);
        let half = body.len() / 2;
        let big = self.plan.big_bytes;
        let filler = &self.memory.filler;
        let (framing, steps) = match behaviour {
            Behaviour::Slow => (Framing::Length(body.len()), vec![Step::Respond(body)]),
            Behaviour::ShortBody => {
                (Framing::Length(body.len() + MISSING_BYTES), vec![Step::Respond(body), Step::Close])
            }
            Behaviour::CutChunked => {
                let mut cut = chunk(&body[..half]);
                cut.extend_from_slice(format!("{:x}\r\n", body.len() - half + MISSING_BYTES).as_bytes());
                cut.extend_from_slice(&body[half..]);
                (Framing::Chunked, vec![Step::respond(cut), Step::Close])
            }
            Behaviour::Chunked => {
                let mut chunks: Vec<u8> = body.chunks(CHUNK_BYTES).flat_map(chunk).collect();
                chunks.extend_from_slice(b"0\r\n\r\n");
                (Framing::Chunked, vec![Step::respond(chunks)])
            }
            Behaviour::Endless => {
                let more = Step::Repeat(chunk(filler).into(), None);
                (Framing::Chunked, vec![Step::respond(chunk(&body)), more])
            }
            Behaviour::Big => {
                let blocks = Step::Repeat(filler.clone(), Some((big / filler.len()) as u64));
                let rest = Step::Respond(filler.slice(..big % filler.len()));
                (Framing::Length(body.len() + big), vec![Step::Respond(body), blocks, rest])
            }
            Behaviour::Deep => {
                let divs = Step::Repeat(DIVS.clone(), Some((DEEP_LEVELS / 1_000) as u64));
                (Framing::Length(body.len() + DEEP_LEVELS * "<div>".len()), vec![Step::Respond(body), divs])
            }
            _ => (Framing::UntilClose, vec![Step::Respond(body), Step::Close]),
        };
        let mut head = Vec::with_capacity(128);
        let connection = match framing {
            Framing::UntilClose => Persistence::Close,
            _ => self.connection,
        };
        push_head(200, HTML, framing, connection, &mut head);
        let wait = (behaviour == Behaviour::Slow).then_some(Step::Delay(self.plan.slow_delay));
        let body = if self.head_only { Vec::new() } else { steps };
        Answer::Steps(wait.into_iter().chain([Step::respond(head)]).chain(body).collect())
    }

    /// A 200 in one piece.
    fn page(&mut self, host: u32, page: u32, fields: &str) -> Answer {
        self.render(host, page);
        self.body_whole(fields)
    }

    /// Puts a page's HTML into `body`.
    fn render(&mut self, host: u32, page: u32) {
        self.body.clear();
        self.plan.push_page(host, page, self.body);
        match self.plan.behaviour(host, page) {
            Behaviour::Big | Behaviour::Endless | Behaviour::Deep | Behaviour::MalformedHtml => {}
            _ => self.body.extend_from_slice(END),
        }
    }

    fn redirect(&mut self, place: Place) -> Answer {
        let Some(redirect) = self.plan.redirect(place) else { return self.short(404, "") };
        let mut fields = b"Location: ".to_vec();
        let (Place::Page { page: number, .. }
        | Place::Hop { page: number, .. }
        | Place::Robots { host: number }
        | Place::RobotsHop { of: number, .. }
        | Place::Sitemap { host: number }) = place;
        let mut dice = self.plan.dice(place.host(), number, Purpose::Redirect);
        Speller::new(self.plan, place, false).push_location(redirect.to, &mut dice, &mut fields);
        fields.extend_from_slice(b"\r\n");
        self.short(redirect.status, &String::from_utf8_lossy(&fields))
    }

    /// The robots.txt of a host, or a stop on the way to it.
    fn robots(&mut self, of: u32, hop: u32) -> Answer {
        let kind = self.plan.robots_kind(of);
        match kind {
            RobotsKind::Missing => return self.short(404, ""),
            RobotsKind::Unavailable => return self.short(503, ""),
            RobotsKind::Hang => return Answer::Steps(vec![Step::Hang]),
            RobotsKind::Late if self.memory.robots_asked(of) <= self.plan.robots_outage => {
                return self.short(503, "");
            }
            _ => {}
        }
        if hop < self.plan.robots_hops(of) {
            let location = self.plan.url(self.plan.robots_stop(of, hop + 1));
            return self.short(Plan::robots_redirect(hop), &format!("Location: {location}\r\n"));
        }
        self.body.clear();
        let fields = self.plan.push_robots(of, self.body);
        self.body_whole(fields)
    }

    fn sitemap(&mut self, host: u32) -> Answer {
        self.body.clear();
        self.plan.push_sitemap(host, self.body);
        self.body_whole("Content-Type: application/xml\r\n")
    }

    /// A 200 with what is in `body`.
    fn body_whole(&mut self, fields: &str) -> Answer {
        self.body_as(200, fields)
    }

    /// An answer with what is in `body`.
    fn body_as(&mut self, status: u16, fields: &str) -> Answer {
        push_head(status, fields, Framing::Length(self.body.len()), self.connection, self.out);
        if !self.head_only {
            self.out.extend_from_slice(self.body);
        }
        Answer::Written(status)
    }

    /// Answers with a refusal where one is due.
    fn refuse_now(&mut self, host: u32, page: u32) -> Option<Answer> {
        let refusal = self.plan.refusal(host, page, Instant::now())?;
        self.rest_until = refusal.until;
        Some(self.short(refusal.status, &refusal.field))
    }

    /// An answer with a line of text for a person.
    fn short(&mut self, status: u16, fields: &str) -> Answer {
        let text = status_line(status).trim_start_matches("HTTP/1.1 ").trim_end();
        let body = ["<!DOCTYPE html><title>", text, "</title><h1>", text, "</h1>\n"].concat();
        self.whole(status, &[HTML, fields].concat(), body.as_bytes())
    }

    fn whole(&mut self, status: u16, fields: &str, body: &[u8]) -> Answer {
        push_head(status, fields, Framing::Length(body.len()), self.connection, self.out);
        if !self.head_only {
            self.out.extend_from_slice(body);
        }
        Answer::Written(status)
    }
}

fn push_head(status: u16, fields: &str, framing: Framing, connection: Persistence, out: &mut Vec<u8>) {
    out.extend_from_slice(status_line(status).as_bytes());
    out.extend_from_slice(fields.as_bytes());
    match framing {
        Framing::Length(bytes) => {
            out.extend_from_slice(b"Content-Length: ");
            push_number(bytes as u64, out);
            out.extend_from_slice(b"\r\n");
        }
        Framing::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        Framing::UntilClose => {}
    }
    match connection {
        Persistence::Keep => {}
        Persistence::KeepAndSay => out.extend_from_slice(b"Connection: keep-alive\r\n"),
        Persistence::Close => out.extend_from_slice(b"Connection: close\r\n"),
    }
    out.extend_from_slice(b"\r\n");
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

fn status_line(status: u16) -> &'static str {
    match status {
        200 => "HTTP/1.1 200 OK\r\n",
        301 => "HTTP/1.1 301 Moved Permanently\r\n",
        302 => "HTTP/1.1 302 Found\r\n",
        303 => "HTTP/1.1 303 See Other\r\n",
        307 => "HTTP/1.1 307 Temporary Redirect\r\n",
        308 => "HTTP/1.1 308 Permanent Redirect\r\n",
        404 => "HTTP/1.1 404 Not Found\r\n",
        405 => "HTTP/1.1 405 Method Not Allowed\r\n",
        410 => "HTTP/1.1 410 Gone\r\n",
        411 => "HTTP/1.1 411 Length Required\r\n",
        429 => "HTTP/1.1 429 Too Many Requests\r\n",
        431 => "HTTP/1.1 431 Request Header Fields Too Large\r\n",
        500 => "HTTP/1.1 500 Internal Server Error\r\n",
        503 => "HTTP/1.1 503 Service Unavailable\r\n",
        505 => "HTTP/1.1 505 HTTP Version Not Supported\r\n",
        _ => "HTTP/1.1 400 Bad Request\r\n",
    }
}
