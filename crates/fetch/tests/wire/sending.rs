//! Requests with methods and bodies of their own, and bodies that come too slowly.

use std::{sync::Mutex, time::Duration};

use crate::support::{Reply, Server, client, detail, get, keep, loopback, run, told};
use bytes::Bytes;
use dragline_cookies::Jar;
use dragline_fetch::{Limits, Method, Request, Settings};
use dragline_model::FailureKind;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn post(url: &str, body: Vec<u8>) -> Request {
    let mut request = get(url).method(Method::POST);
    request.body = Bytes::from(body);
    request
}

#[test]
fn bodies_arrive_whole() {
    static GOT: Mutex<Vec<(String, usize, bool)>> = Mutex::new(Vec::new());
    run(async {
        let server = Server::new(|asked| {
            let method = asked.head.split(' ').next().unwrap_or_default().to_owned();
            let is_right = asked.body.iter().enumerate().all(|(i, byte)| *byte == (i % 251) as u8);
            GOT.lock().unwrap().push((method, asked.body.len(), is_right));
            keep(OK)
        });
        let client = client(loopback());
        for length in [0, 1, 16 << 10, (16 << 10) + 1, 5 << 20] {
            let body = (0..length).map(|i| (i % 251) as u8).collect();
            assert_eq!(told(&client.fetch(&post(&server.url("/"), body)).await), "200 whole \"ok\"");
        }
        let purge = get(&server.url("/")).method("PURGE".parse().unwrap());
        assert!(client.fetch(&purge).await.is_ok());
        let want = [0, 1, 16 << 10, (16 << 10) + 1, 5 << 20].map(|length| ("POST".to_owned(), length, true));
        let got = GOT.lock().unwrap();
        assert_eq!(got[..5], want);
        assert_eq!(got[5], ("PURGE".to_owned(), 0, true));
    });
}

#[test]
fn an_answer_before_the_request_is_out_counts() {
    run(async {
        let server = Server::new(|_| {
            Reply::Silence(b"HTTP/1.1 413 Too Large\r\nContent-Length: 4\r\n\r\nmuch".to_vec())
        });
        let client = client(loopback());
        // More than the socket's buffers hold, and the server does not read it before it answers.
        let outcome = client.fetch(&post(&server.url("/unread"), vec![0; 32 << 20])).await;
        assert_eq!(told(&outcome), "413 whole \"much\"");
        assert_eq!(client.idle(), 0, "the connection is in the middle of a message");
    });
}

#[test]
fn the_query_is_sent_as_it_is_written() {
    run(async {
        let server = Server::new(|_| keep(OK));
        let client = client(loopback());
        let target = "/q?serviceKey=ab%2Bcd%3D%3D&name='x'";
        client.fetch(&Request::parse(&server.url(target)).unwrap()).await.unwrap();
        assert!(
            server.heads()[0].starts_with(&format!("GET {target} HTTP/1.1\r\n")),
            "{}",
            server.heads()[0]
        );
    });
}

#[test]
fn a_body_that_drips_is_given_up() {
    run(async {
        let tick = Duration::from_millis(10);
        let server = Server::new(move |_| {
            Reply::Drip(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n".to_vec(), tick)
        });
        let limits = Limits { rate_bytes: 1000, rate_window: 10 * tick, ..Limits::default() };
        let client = client(Settings { limits, ..loopback() });
        let why = detail(client.fetch(&get(&server.url("/"))).await, FailureKind::BodyTimeout);
        assert!(why.starts_with("fewer than 1000 bytes of the body in 0.1 s, after "), "{why}");
    });
}

#[test]
fn a_body_that_is_fast_enough_may_take_long() {
    run(async {
        let tick = Duration::from_millis(10);
        let server = Server::new(move |_| {
            Reply::Drip(b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n".to_vec(), tick)
        });
        let limits = Limits { rate_bytes: 1, rate_window: 10 * tick, ..Limits::default() };
        let page = client(Settings { limits, ..loopback() }).fetch(&get(&server.url("/"))).await.unwrap();
        assert_eq!((page.body.len(), page.truncated), (40, None));
    });
}

#[test]
fn the_time_for_one_request_can_be_its_own() {
    run(async {
        let server = Server::new(|_| Reply::Silence(Vec::new()));
        let mut request = get(&server.url("/"));
        request.total = Some(Duration::from_millis(50));
        let failure = client(loopback()).fetch(&request).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::HeadTimeout);
        assert!(failure.timings.unwrap().total >= Duration::from_millis(50), "a failure tells its time too");
    });
}

#[test]
fn cookies_go_back_to_their_origin_alone() {
    run(async {
        let server = Server::new(|asked| match asked.target.as_str() {
            "/set" => keep(
                "HTTP/1.1 200 OK\r\nSet-Cookie: sid=1; Path=/\r\nSet-Cookie: x=2; Domain=co.uk\r\nContent-Length: 2\r\n\r\nok",
            ),
            _ => keep(OK),
        });
        let mut settings = loopback();
        settings.overrides = vec![format!("*.test={}", server.address).parse().unwrap()];
        let client = client(settings);
        let jar = Jar::new(Default::default());
        for (url, want) in [
            ("http://a.test/set", None),
            ("http://a.test/", Some("Cookie: sid=1")),
            ("http://b.test/", None),
            ("http://x.a.test/", None),
            ("http://a.test:8080/", None),
        ] {
            let mut request = get(url);
            request.cookies = Some(jar.clone());
            let page = client.fetch(&request).await.unwrap();
            let heads = server.heads();
            let sent = heads.last().unwrap().lines().find(|line| line.starts_with("Cookie:"));
            assert_eq!(sent, want, "{url}");
            assert!(!String::from_utf8_lossy(&page.request).contains("sid=1"), "cookies are not recorded");
        }
        assert!(client.fetch(&get("http://a.test/")).await.is_ok());
        assert!(!server.heads().last().unwrap().contains("Cookie:"), "another jar's cookies stay there");
    });
}

#[test]
fn credentials_go_to_their_origin_alone() {
    run(async {
        let server = Server::new(|_| keep(OK));
        let mut settings = loopback();
        settings.overrides = vec![format!("*.test={}", server.address).parse().unwrap()];
        settings.auth =
            vec!["http://a.test=u:p".parse().unwrap(), "http://b.test:8080=bearer t".parse().unwrap()];
        let client = client(settings);
        for (url, want) in [
            ("http://a.test/", Some("Authorization: Basic dTpw")),
            ("http://a.test:8080/", None),
            ("http://x.a.test/", None),
            ("http://b.test/", None),
            ("http://b.test:8080/", Some("Authorization: Bearer t")),
        ] {
            let page = client.fetch(&get(url)).await.unwrap();
            let heads = server.heads();
            let sent = heads.last().unwrap().lines().find(|line| line.starts_with("Authorization:"));
            assert_eq!(sent, want, "{url}");
            assert!(!String::from_utf8_lossy(&page.request).contains("dTpw"));
        }
    });
}
