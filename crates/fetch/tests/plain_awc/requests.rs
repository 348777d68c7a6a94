//! What is sent, to whom, and where a redirect leads.

use dragline_fetch::Settings;
use dragline_model::{CanonicalUrl, FailureKind};

use crate::{
    plain::{asked, plain, told as told_plain},
    support::{Server, client, detail, get, keep, loopback, run, told},
};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// The names of a head's fields, in lower case, in order.
fn fields(head: &str) -> Vec<String> {
    let mut names: Vec<String> =
        head.lines().skip(1).filter_map(|line| Some(line.split_once(':')?.0.to_ascii_lowercase())).collect();
    names.sort_unstable();
    names
}

#[test]
fn what_a_plain_request_says_of_itself() {
    run(async {
        let server = Server::new(|_| keep(OK));
        asked(&plain(), &server.url("/")).await;
        // A date and a length that no browser sends with a GET, and nobody to complain to.
        assert_eq!(fields(&server.heads()[0]), ["accept-encoding", "content-length", "date", "host"]);

        client(loopback()).fetch(&get(&server.url("/"))).await.unwrap();
        assert_eq!(fields(&server.heads()[1]), ["accept", "accept-encoding", "host", "user-agent"]);
    });
}

#[test]
fn urls_as_people_write_them() {
    run(async {
        let server = Server::new(|_| keep(OK));
        for (target, awc, ours) in [
            // A blank and letters beyond ASCII are errors.
            ("/a b", "an error", "/a%20b"),
            ("/ü?q=ü", "an error", "/%C3%BC?q=%C3%BC"),
            // The path is sent as it stands.
            ("/a/../b/./c", "200 \"ok\"", "/b/c"),
        ] {
            let before = server.heads().len();
            assert_eq!(asked(&plain(), &server.url(target)).await, awc, "{target}");
            if awc.starts_with("200") {
                assert!(server.heads()[before].starts_with(&format!("GET {target} ")));
            }
            let page = client(loopback()).fetch(&get(&server.url(target))).await.unwrap();
            let line = page.request.split(|byte| *byte == b'\r').next().unwrap();
            assert_eq!(String::from_utf8_lossy(line), format!("GET {ours} HTTP/1.1"), "{target}");
        }
    });
}

#[test]
fn an_address_in_disguise_is_looked_up_by_the_system() {
    run(async {
        let server = Server::new(|_| keep(OK));
        let port = server.address.port();
        // The system takes it for 127.0.0.1; a guard that looks for addresses in URLs sees a name.
        let url = format!("http://0x7f.1:{port}/");
        assert_eq!(url.parse::<awc::http::Uri>().unwrap().host(), Some("0x7f.1"));
        assert_eq!(asked(&plain(), &url).await, "200 \"ok\"");

        let why = detail(client(Settings::default()).fetch(&get(&url)).await, FailureKind::Refused);
        assert!(why.starts_with("127.0.0.1 is a loopback address"), "{why}");
        assert_eq!(server.connections(), 1);
    });
}

#[test]
fn a_relative_redirect() {
    run(async {
        let server = Server::new(|asked| match asked.target.as_str() {
            "/dir/x" => keep("HTTP/1.1 302 Found\r\nLocation: sub/page\r\nContent-Length: 0\r\n\r\n"),
            _ => keep(OK),
        });
        // Followed unasked, and to the wrong place.
        assert_eq!(asked(&plain(), &server.url("/dir/x")).await, "200 \"ok\"");
        assert!(server.heads()[1].starts_with("GET /sub/page "), "{}", server.heads()[1]);

        // A redirect is an answer; where it leads is whoever asked to find out.
        let page = client(loopback()).fetch(&get(&server.url("/dir/x"))).await.unwrap();
        assert_eq!((page.status, server.heads().len()), (302, 3));
        let url = CanonicalUrl::parse(&server.url("/dir/x")).unwrap();
        let next = url.join(page.head.field_str("location").unwrap()).unwrap();
        assert_eq!(next.as_str(), server.url("/dir/sub/page"));
    });
}

#[test]
fn a_redirect_takes_secrets_and_addresses_along() {
    run(async {
        let other = Server::new(|_| keep(OK));
        let to = other.url("/");
        let home = Server::new(move |asked| match asked.target.as_str() {
            "/" => keep(&format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n")),
            "/name" => keep("HTTP/1.1 302 Found\r\nLocation: http://b.test/end\r\nContent-Length: 0\r\n\r\n"),
            _ => keep(OK),
        });
        let request = plain().get(home.url("/")).insert_header(("X-Api-Key", "secret"));
        assert_eq!(told_plain(request).await, "200 \"ok\"");
        assert!(other.heads()[0].to_ascii_lowercase().contains("x-api-key: secret"), "{}", other.heads()[0]);
        // An address that was pinned for one host is asked for the next one too.
        let pinned = plain().get("http://a.test/name").address(home.address);
        assert_eq!(told_plain(pinned).await, "200 \"ok\"");
        let heads = home.heads();
        assert!(heads.last().unwrap().to_ascii_lowercase().contains("host: b.test"), "{heads:?}");

        // Here nothing is followed; `dragline-gather`, which follows, leaves behind what is not for the next origin
        // (`tests/gather/redirects.rs`, `credentials_stay_at_their_origin`), and an override is for its name.
        let mut settings = loopback();
        settings.overrides = vec![format!("a.test={}", home.address).parse().unwrap()];
        let client = client(settings);
        let mut request = get(&home.url("/"));
        request.headers = vec![("X-Api-Key".to_owned(), "secret".to_owned())];
        assert_eq!(told(&client.fetch(&request).await), "302 whole \"\"");
        assert_eq!(told(&client.fetch(&get("http://a.test/name")).await), "302 whole \"\"");
        assert_eq!(other.heads().len(), 1);
    });
}
