//! The address guard, on the way to real sockets: a server on a guarded address sees no connection.

use crate::support::{Server, client, detail, get, keep, loopback, run, told};
use dragline_fetch::{Request, Settings};
use dragline_model::{CanonicalUrl, FailureKind};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn allowing(net: &str) -> Settings {
    Settings { allow_net: vec![net.parse().unwrap()], ..Settings::default() }
}

#[test]
fn a_private_server_is_not_connected_to() {
    run(async {
        let server = Server::new(|_| keep(OK));
        let port = server.address.port();
        let client = client(Settings::default());
        for host in [
            "127.0.0.1",
            "0x7f.1",
            "2130706433",
            "127.1",
            "0177.0.0.1",
            "１２７.０.０.１",
            "127.0.0.1.",
            "localhost",
            "localhost.",
            "a.localhost",
            "[::ffff:127.0.0.1]",
            "[::127.0.0.1]",
            "[64:ff9b::127.0.0.1]",
        ] {
            let why =
                detail(client.fetch(&get(&format!("http://{host}:{port}/"))).await, FailureKind::Refused);
            assert!(why.contains("is a loopback address; --allow-net "), "{host}: {why}");
        }
        assert_eq!(server.connections(), 0);
    });
}

#[test]
fn the_guard_is_lifted_by_the_range() {
    run(async {
        let server = Server::at("127.0.1.1:0", |_| keep(OK));
        assert_eq!(
            told(&client(allowing("127.0.1.0/24")).fetch(&get(&server.url("/"))).await),
            "200 whole \"ok\""
        );
        assert_eq!(told(&client(allowing("127.0.2.0/24")).fetch(&get(&server.url("/"))).await), "refused");
        assert_eq!(server.connections(), 1);
    });
}

#[test]
fn an_override_lifts_the_guard_for_its_name_alone() {
    run(async {
        let server = Server::new(|_| keep(OK));
        let overrides = vec![format!("*.a.test={}", server.address).parse().unwrap()];
        let client = client(Settings { overrides, ..Settings::default() });
        let page = client.fetch(&get("http://x.a.test/")).await.unwrap();
        assert!(page.request.windows(14).any(|w| w == b"Host: x.a.test"), "{:?}", page.request);
        assert_eq!(page.peer, Some(server.address));
        assert_eq!(page.timings.dns, None);
        let refused = client.fetch(&get(&server.url("/"))).await;
        assert_eq!(told(&refused), "refused");
        assert_eq!(server.connections(), 1);
    });
}

#[test]
fn a_port_of_another_protocol_is_not_connected_to() {
    run(async {
        let client = client(loopback());
        let why = detail(client.fetch(&get("http://127.0.0.1:25/")).await, FailureKind::Refused);
        assert_eq!(
            why,
            "port 25 belongs to another protocol than HTTP; --resolve 127.0.0.1=IP:25 asks it all the same"
        );
    });
}

#[test]
fn an_override_without_a_port_does_not_lift_the_check_of_ports() {
    run(async {
        let overrides = vec!["a.test=127.0.0.1".parse().unwrap()];
        let client = client(Settings { overrides, ..loopback() });
        assert_eq!(told(&client.fetch(&get("http://a.test:6667/")).await), "refused");
    });
}

#[test]
fn localhost_needs_no_look_up() {
    run(async {
        let server = Server::new(|_| keep(OK));
        let url = format!("http://localhost:{}/", server.address.port());
        let page = client(loopback()).fetch(&get(&url)).await.unwrap();
        assert_eq!((page.peer, page.timings.dns), (Some(server.address), None));
    });
}

#[test]
fn a_name_without_an_address_is_a_failure_of_its_own() {
    run(async {
        // RFC 6761 §6.4: never resolves.
        let outcome = client(loopback()).fetch(&get("http://nobody.invalid/")).await;
        let why = detail(outcome, FailureKind::Dns);
        assert!(why.starts_with("nobody.invalid"), "{why}");
    });
}

#[test]
fn a_caller_s_fields_cannot_smuggle() {
    run(async {
        let server = Server::new(|_| keep(OK));
        let mut request = Request::get(CanonicalUrl::parse(&server.url("/")).unwrap());
        request.headers = vec![("X".to_owned(), "a\r\n\r\nGET /secret HTTP/1.1\r\nHost: b".to_owned())];
        let client = client(loopback());
        assert_eq!(told(&client.fetch(&request).await), "refused");
        request.headers = vec![("If-None-Match".to_owned(), "\"v1\"".to_owned())];
        let page = client.fetch(&request).await.unwrap();
        assert!(page.request.ends_with(b"If-None-Match: \"v1\"\r\n\r\n"), "{:?}", page.request);
        assert_eq!(server.heads().len(), 1);
    });
}
