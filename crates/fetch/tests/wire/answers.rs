//! What servers answer, and what the client makes of it: one row a peculiarity.

use crate::support::{Reply, Server, client, close, get, keep, loopback, run, short, told};
use dragline_fetch::{Method, Request};
use dragline_model::CanonicalUrl;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Answers every request with one reply, and tells what the client made of it and whether it kept the
/// connection.
fn check(name: &str, reply: impl Fn() -> Reply + Send + Sync + 'static, want: &str, kept: bool) {
    run(async {
        let server = Server::new(move |_| reply());
        let mut settings = loopback();
        settings.limits = short();
        let client = client(settings);
        let outcome = client.fetch(&get(&server.url("/"))).await;
        assert_eq!(told(&outcome), want, "{name}: {outcome:?}");
        assert_eq!(client.idle(), usize::from(kept), "{name}: connections kept");
        assert_eq!(server.connections(), 1, "{name}: connections made");
    });
}

#[test]
fn bodies_and_how_they_end() {
    for (name, text, want, kept) in [
        ("a length", OK, "200 whole \"ok\"", true),
        ("no body", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "200 whole \"\"", true),
        (
            "chunks",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nX-T: 1\r\n\r\n",
            "200 whole \"hello\"",
            true,
        ),
        (
            "a stacked coding",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            "200 whole \"\"",
            true,
        ),
        ("a length on 204", "HTTP/1.1 204 No Content\r\nContent-Length: 10\r\n\r\n", "204 whole \"\"", true),
        (
            "a length on 304",
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\nETag: \"x\"\r\n\r\n",
            "304 whole \"\"",
            true,
        ),
        (
            "chunks on 304",
            "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n",
            "304 whole \"\"",
            true,
        ),
        (
            "100 first",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfinal",
            "200 whole \"final\"",
            true,
        ),
        (
            "103 first",
            "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 404 No\r\nContent-Length: 5\r\n\r\nfinal",
            "404 whole \"final\"",
            true,
        ),
        (
            "a repeated length",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
            "200 whole \"ok\"",
            true,
        ),
        (
            "length and chunks",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            "200 whole \"hello\"",
            false,
        ),
        ("no reason", "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", "200 whole \"ok\"", true),
        ("bare line feeds", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok", "200 whole \"ok\"", false),
        (
            "a blank before the colon",
            "HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok",
            "200 whole \"ok\"",
            false,
        ),
        (
            "a folded line",
            "HTTP/1.1 200 OK\r\nX-A: a\r\n b\r\nContent-Length: 2\r\n\r\nok",
            "200 whole \"ok\"",
            false,
        ),
        (
            "a name that is no token",
            "HTTP/1.1 200 OK\r\nX A(b): v\r\nContent-Length: 2\r\n\r\nok",
            "200 whole \"ok\"",
            true,
        ),
        ("status 999", "HTTP/1.1 999 Denied\r\nContent-Length: 2\r\n\r\nok", "999 whole \"ok\"", true),
        (
            "empty lines first",
            "\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            "200 whole \"ok\"",
            true,
        ),
        ("another version's name", "HTTP/2 200 OK\r\nContent-Length: 2\r\n\r\nok", "200 whole \"ok\"", false),
        (
            "the server will close",
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
            "200 whole \"ok\"",
            false,
        ),
        (
            "bytes behind the body",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\npoison",
            "200 whole \"ok\"",
            false,
        ),
        (
            "bytes behind the chunks",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\npoison",
            "200 whole \"ok\"",
            false,
        ),
        (
            "a redirect",
            "HTTP/1.1 302 Found\r\nLocation: sub/page\r\nContent-Length: 0\r\n\r\n",
            "302 whole \"\"",
            true,
        ),
        (
            "a coding of the content",
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok",
            "200 whole \"ok\"",
            true,
        ),
    ] {
        check(name, move || keep(text), want, kept);
    }
}

#[test]
fn bodies_that_the_connection_ends() {
    for (name, text, want) in [
        (
            "announced",
            "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<html>all of it",
            "200 whole \"<html>all of it\"",
        ),
        ("unannounced", "HTTP/1.1 200 OK\r\n\r\n<html>all of it", "200 whole \"<html>all of it\""),
        ("HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\n<html>all of it", "200 whole \"<html>all of it\""),
        ("empty", "HTTP/1.0 200 OK\r\n\r\n", "200 whole \"\""),
        ("a length cut", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly these", "truncated"),
        ("a length and nothing", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", "truncated"),
        (
            "cut between chunks",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
            "truncated",
        ),
        ("cut in a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n50\r\nhello", "truncated"),
        ("cut in the trailers", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "truncated"),
        ("nothing at all", "", "closed"),
        ("half a head", "HTTP/1.1 200 OK\r\nContent-Le", "closed"),
        ("an interim head only", "HTTP/1.1 100 Continue\r\n\r\n", "closed"),
        ("HTTP/0.9", "<html>no head</html>", "malformed"),
        ("another protocol", "220 mail.test ESMTP\r\n", "malformed"),
        ("two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", "malformed"),
        ("a negative length", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nok", "malformed"),
        ("no size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "malformed"),
        (
            "a size past all sizes",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\nx",
            "malformed",
        ),
        ("no colon", "HTTP/1.1 200 OK\r\nno field\r\n\r\n", "malformed"),
        ("no status", "HTTP/1.1 OK\r\n\r\n", "malformed"),
        ("101 unasked", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "malformed"),
    ] {
        check(name, move || close(text), want, false);
    }
}

#[test]
fn interim_answers_have_an_end() {
    let reply = || keep(&format!("{}{OK}", "HTTP/1.1 102 Processing\r\n\r\n".repeat(8)));
    check("eight", reply, "200 whole \"ok\"", true);
    check("endless", || Reply::Endless(b"HTTP/1.1 102 Processing\r\n\r\n".to_vec()), "malformed", false);
}

#[test]
fn heads_have_a_size() {
    let many = || {
        let fields: String = (0..1000).map(|i| format!("X-H{i}: v\r\n")).collect();
        keep(&format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 2\r\n\r\nok"))
    };
    check("a thousand fields", many, "200 whole \"ok\"", true);
    let long = || keep(&format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(140_000)));
    check("140 kB", long, "malformed", false);
    check("endless", || Reply::Endless(b"X: y\r\n".repeat(1000)), "malformed", false);
    let endless = || {
        Reply::Endless(
            b"HTTP/1.1 200 OK\r\nX: ".iter().copied().chain(std::iter::repeat_n(b'x', 4096)).collect(),
        )
    };
    check("endless after a status line", endless, "malformed", false);
}

#[test]
fn silence_has_an_end() {
    check("at once", || Reply::Silence(Vec::new()), "head_timeout", false);
    check("in the head", || Reply::Silence(b"HTTP/1.1 200 OK\r\n".to_vec()), "head_timeout", false);
    let body = || Reply::Silence(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab".to_vec());
    check("in the body", body, "body_timeout", false);
    let chunks =
        || Reply::Silence(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n".to_vec());
    check("between chunks", chunks, "body_timeout", false);
    check("before the end", || Reply::Silence(b"HTTP/1.0 200 OK\r\n\r\nab".to_vec()), "body_timeout", false);
}

#[test]
fn a_page_has_the_bytes_of_both_heads() {
    run(async {
        let head = "HTTP/1.1 200 fine\r\nX-Latin: caf\u{e9}\r\nSET-cookie:a\r\nContent-Length: 2\r\n\r\n";
        let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
        let server = Server::new(move |_| keep(&format!("{hints}{head}ok")));
        let page = client(loopback()).fetch(&get(&server.url("/dir/x?q=1#part"))).await.unwrap();

        assert_eq!(page.head.as_bytes(), head.as_bytes());
        assert_eq!(page.peer, Some(server.address));
        let sent = String::from_utf8(page.request.to_vec()).unwrap();
        assert_eq!(server.heads(), [sent.as_str()]);
        let agent = format!("dragline/{}", env!("CARGO_PKG_VERSION"));
        assert_eq!(
            sent,
            format!(
                "GET /dir/x?q=1 HTTP/1.1\r\nHost: {}\r\nUser-Agent: {agent}\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n\r\n",
                server.address
            )
        );
    });
}

#[test]
fn head_asks_for_the_head_only() {
    run(async {
        let server = Server::new(|asked| {
            assert!(asked.head.starts_with("HEAD / HTTP/1.1\r\n"), "{}", asked.head);
            keep("HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n")
        });
        let client = client(loopback());
        let request = Request::get(CanonicalUrl::parse(&server.url("/")).unwrap()).method(Method::HEAD);
        for _ in 0..2 {
            assert_eq!(told(&client.fetch(&request).await), "200 whole \"\"");
        }
        assert_eq!(server.connections(), 1);
    });
}

#[test]
fn whatever_a_canonical_url_holds_can_be_asked_for() {
    run(async {
        let server = Server::new(|_| keep(OK));
        let client = client(loopback());
        for target in [
            "/a b/ü?q=ü&x=a b",
            "/%zz",
            "/a//b/",
            "/a|b^c`d{e}[f]\"g<h>",
            "/?a|b^c`d{e}[f]\"g<h>'",
            "/;p=1,2!$&'()*+~@:",
            "/%00%0d%0a",
            "/?%E4",
            "/\\x",
            "/x?y?z",
        ] {
            let url = CanonicalUrl::parse(&server.url(target)).unwrap();
            let page = client.fetch(&Request::get(url.clone())).await.unwrap();
            let line = format!("GET {} HTTP/1.1\r\n", url.path_and_query());
            assert!(page.request.starts_with(line.as_bytes()), "{target}: {:?}", page.request);
        }
    });
}

#[test]
fn large_bodies_come_whole() {
    run(async {
        let body: Vec<u8> = (0..3_000_000_u32).map(|i| (i / 7) as u8).collect();
        let served = body.clone();
        let server = Server::new(move |asked| {
            let mut reply = b"HTTP/1.1 200 OK\r\n".to_vec();
            match asked.target.as_str() {
                "/length" => {
                    reply.extend(format!("Content-Length: {}\r\n\r\n", served.len()).bytes());
                    reply.extend(&served);
                }
                "/chunks" => {
                    reply.extend(b"Transfer-Encoding: chunked\r\n\r\n");
                    for (i, chunk) in served.chunks(15_013).enumerate() {
                        reply.extend(format!("{:x};n={i}\r\n", chunk.len()).bytes());
                        reply.extend(chunk);
                        reply.extend(b"\r\n");
                    }
                    reply.extend(b"0\r\n\r\n");
                }
                _ => {
                    reply.extend(b"\r\n");
                    reply.extend(&served);
                    return Reply::Close(reply);
                }
            }
            Reply::Keep(reply)
        });
        let client = client(loopback());
        for target in ["/length", "/chunks", "/close"] {
            let page = client.fetch(&get(&server.url(target))).await.unwrap();
            assert!(page.body == body, "{target}: {} bytes", page.body.len());
            assert_eq!(page.truncated, None);
        }
    });
}

#[test]
fn what_can_be_decoded_is_asked_for_and_nothing_else() {
    run(async {
        let server = Server::new(|_| keep(OK));
        client(loopback()).fetch(&get(&server.url("/"))).await.unwrap();
        let asked = format!("Accept-Encoding: {}\r\n", dragline_coding::ACCEPT);
        assert!(server.heads()[0].contains(&asked), "{}", server.heads()[0]);
    });
}
