//! A tunnel through an HTTP proxy (RFC 9110 §9.3.6).
//!
//! Owns the CONNECT request and the reading of its answer's head, within a bound. Whatever comes behind that head
//! is not the proxy's to send: of the servers that are reached so none speaks first.

use std::io;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{Destination, Refusal, SIGN_IN};
use crate::framing;

/// Largest head of an answer, interim ones included. Proxies send some hundred bytes.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// Asks for the tunnel; it stands when this is done. `authorization` is a whole field with its line end, or empty.
pub(super) async fn tunnel(
    tcp: &mut TcpStream,
    to: Destination<'_>,
    user_agent: &str,
    authorization: &str,
) -> Result<(), Refusal> {
    let agent = if user_agent.is_empty() { String::new() } else { format!("User-Agent: {user_agent}\r\n") };
    let request = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n{agent}{authorization}\r\n");
    tcp.write_all(request.as_bytes()).await.map_err(lost)?;
    let mut answer = Vec::with_capacity(512);
    loop {
        if tcp.read_buf(&mut answer).await.map_err(lost)? == 0 {
            return Err(Refusal::Proxy("closed the connection instead of an answer to CONNECT".to_owned()));
        }
        if !framing::may_be_http(&answer) {
            return Err(Refusal::Proxy("does not speak HTTP".to_owned()));
        }
        while let Some(end) = framing::head_end(&answer, 0) {
            let status = status(&answer[..end])
                .ok_or_else(|| Refusal::Proxy("answered CONNECT without a status".to_owned()))?;
            match status.0 {
                100..200 => {
                    answer.drain(..end);
                }
                200..300 if end == answer.len() => return Ok(()),
                200..300 => {
                    return Err(Refusal::Proxy(
                        "sent bytes that nobody asked for behind its answer to CONNECT".to_owned(),
                    ));
                }
                _ => return Err(refusal(status)),
            }
        }
        if answer.len() > HEAD_BYTES_MAX {
            return Err(Refusal::Proxy(format!(
                "answered CONNECT with a head of more than {HEAD_BYTES_MAX} bytes"
            )));
        }
    }
}

/// The status and the reason of a head.
fn status(head: &[u8]) -> Option<(u16, String)> {
    let line = head.split(|byte| *byte == b'\n').next()?;
    let line = String::from_utf8_lossy(line);
    let mut parts = line.trim_end().splitn(3, ' ');
    let version = parts.next()?;
    let number = parts.next().filter(|it| version.len() > "HTTP/".len() && it.len() == 3)?;
    Some((number.parse().ok().filter(|it| *it >= 100)?, legible(parts.next().unwrap_or_default())))
}

/// A reason as far as it can be repeated: it is the proxy's text.
fn legible(reason: &str) -> String {
    /// Longer ones are no reasons any more.
    const CHARS_MAX: usize = 60;
    reason.chars().filter(|c| !c.is_control()).take(CHARS_MAX).collect::<String>().trim().to_owned()
}

fn refusal((status, reason): (u16, String)) -> Refusal {
    let said = if reason.is_empty() { status.to_string() } else { format!("{status} {reason}") };
    match status {
        // The gateway's own errors (RFC 9110 §15.6): it did try.
        502..=504 => Refusal::Target(said),
        407 => Refusal::Proxy(format!("{SIGN_IN} ({said})")),
        _ => Refusal::NotThere(format!("refuses the way ({said})")),
    }
}

fn lost(error: io::Error) -> Refusal {
    Refusal::Proxy(format!("broke the connection off before an answer to CONNECT ({error})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_lines() {
        for (head, want) in [
            ("HTTP/1.1 200 Connection established\r\n\r\n", Some((200, "Connection established"))),
            ("HTTP/1.0 200\r\n\r\n", Some((200, ""))),
            ("HTTP/1.1 407 Proxy\u{1b}[31m Authentication\r\n\r\n", Some((407, "Proxy[31m Authentication"))),
            ("HTTP/1.1\r\n\r\n", None),
            ("HTTP/1.1 20 x\r\n\r\n", None),
            ("HTTP/1.1 2000 x\r\n\r\n", None),
            ("HTTP/1.1 099 x\r\n\r\n", None),
            ("HTTP/ 200 x\r\n\r\n", None),
        ] {
            let got = status(head.as_bytes());
            assert_eq!(got.as_ref().map(|(status, reason)| (*status, reason.as_str())), want, "{head:?}");
        }
    }
}
