//! Through proxies: who is told what, who is asked next, and what a proxy that fails is called.

use std::{net::TcpListener, time::Duration};

use crate::{
    dns::{NameServer, Says},
    proxying::TestProxy,
    support::{Server, client, detail, get, keep, run, told},
    tls::{AUTHORITY, leaf, serve},
};
use dragline_fetch::{Client, Limits, Settings};
use dragline_model::FailureKind;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const WHOLE: &str = "200 whole \"ok\"";
/// `Basic user:canary`.
const SECRET: &str = "Basic dXNlcjpjYW5hcnk=";

/// The guard is on: what follows is all that the proxies need.
fn settings(proxies: &[String]) -> Settings {
    let proxies = proxies.iter().map(|text| text.parse().unwrap()).collect();
    Settings { proxies, ca_file: Some(AUTHORITY.file.clone()), ..Settings::default() }
}

fn through(proxies: &[String]) -> Client {
    client(settings(proxies))
}

fn http(proxy: &TestProxy) -> String {
    format!("http://{}", proxy.address)
}

fn http_with_secret(proxy: &TestProxy) -> String {
    format!("http://user:canary@{}", proxy.address)
}

fn tls_server() -> std::net::SocketAddr {
    serve(leaf(&["a.test"]), false, OK.as_bytes(), false)
}

#[test]
fn a_request_in_the_clear_is_passed_on() {
    run(async {
        let server = Server::new(|_| keep(OK));
        let proxy = TestProxy::http(server.address);
        let client = through(&[http_with_secret(&proxy)]);
        for i in 0..3 {
            let page = client.fetch(&get("http://a.test:8080/x?y")).await.unwrap();
            assert_eq!((page.status, page.timings.reused, page.peer), (200, i > 0, Some(proxy.address)));
            assert_eq!(page.timings.dns, None, "the name is the proxy's to resolve");
            assert!(!String::from_utf8_lossy(&page.request).contains("Proxy-Authorization"));
        }
        for head in proxy.asked() {
            assert!(head.starts_with("GET http://a.test:8080/x?y HTTP/1.1\r\n"), "{head}");
            assert!(head.contains("\r\nHost: a.test:8080\r\n"), "{head}");
            assert!(head.contains(&format!("\r\nProxy-Authorization: {SECRET}\r\n")), "{head}");
        }
        assert_eq!((proxy.asked().len(), proxy.connections(), server.connections()), (3, 1, 1));
        assert!(server.heads().iter().all(|head| !head.contains("Proxy-") && head.starts_with("GET /x?y ")));
    });
}

#[test]
fn tls_goes_through_a_tunnel() {
    run(async {
        let server = tls_server();
        let (connect, socks) = (TestProxy::http(server), TestProxy::socks(server, "user:canary"));
        for proxy in [http_with_secret(&connect), format!("socks5://user:canary@{}", socks.address)] {
            let client = through(&[proxy]);
            for i in 0..3 {
                let page = client.fetch(&get("https://a.test/")).await.unwrap();
                assert_eq!((page.status, page.timings.reused), (200, i > 0));
                assert_eq!((page.timings.connect.is_some(), page.timings.tls.is_some()), (i == 0, i == 0));
            }
        }
        let agent = concat!("dragline/", env!("CARGO_PKG_VERSION"));
        let head = format!(
            "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\nUser-Agent: {agent}\r\nProxy-Authorization: {SECRET}\r\n\r\n"
        );
        assert_eq!(connect.asked(), [head]);
        assert_eq!(socks.asked(), ["user:canary name a.test:443"]);
    });
}

#[test]
fn socks_takes_names_and_addresses() {
    run(async {
        let server = Server::new(|_| keep(OK));
        let socks = TestProxy::socks(server.address, "");
        let allow_net = vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        let overrides = vec!["wish.test=192.0.2.1:81".parse().unwrap()];
        let client =
            client(Settings { allow_net, overrides, ..settings(&[format!("socks5h://{}", socks.address)]) });
        for url in ["http://a.test/", "http://10.0.0.1:81/", "http://[fd00::1]/", "http://wish.test/"] {
            assert_eq!(told(&client.fetch(&get(url)).await), WHOLE, "{url}");
        }
        assert_eq!(
            socks.asked(),
            ["name a.test:80", "address 10.0.0.1:81", "address [fd00::1]:80", "address 192.0.2.1:81"]
        );
    });
}

#[test]
fn an_override_holds_behind_a_proxy() {
    run(async {
        let server = Server::new(|_| keep(OK));
        let proxy = TestProxy::http(server.address);
        let overrides = vec!["wish.test=192.0.2.1".parse().unwrap()];
        let client = client(Settings { overrides, ..settings(&[http_with_secret(&proxy)]) });
        assert_eq!(told(&client.fetch(&get("http://wish.test/")).await), WHOLE);
        // Passed on in full, the name would be looked up by the proxy. So there is a tunnel, and credentials stay
        // in it.
        assert!(proxy.asked()[0].starts_with("CONNECT 192.0.2.1:80 HTTP/1.1\r\n"), "{:?}", proxy.asked());
        assert!(server.heads()[0].starts_with("GET / HTTP/1.1\r\nHost: wish.test\r\n"));
        assert!(!server.heads()[0].contains("Proxy-"));
    });
}

#[test]
fn credentials_stay_with_their_proxy() {
    run(async {
        let (plain, tls) = (Server::new(|_| keep(OK)), tls_server());
        for (server, url) in [(plain.address, "http://a.test/"), (tls, "https://a.test/")] {
            let (first, second) = (TestProxy::http(server), TestProxy::http(server));
            let client = through(&[http_with_secret(&first), http(&second)]);
            for i in 0..6 {
                let page = client.fetch(&get(url)).await.unwrap();
                assert_eq!(page.timings.reused, i > 1, "connections are kept for each proxy by itself");
                let turn = if i % 2 == 0 { first.address } else { second.address };
                assert_eq!(page.peer, Some(turn), "they take turns");
            }
            assert!(!first.asked().is_empty() && !second.asked().is_empty());
            assert!(first.asked().iter().all(|head| head.contains(SECRET)));
            assert!(second.asked().iter().all(|head| !head.contains("Authorization")));
            assert_eq!((first.connections(), second.connections(), client.idle()), (1, 1, 2));
        }
        assert!(plain.heads().iter().all(|head| !head.contains("Authorization")));
    });
}

#[test]
fn a_proxy_that_fails_rests() {
    run(async {
        let server = Server::new(|_| keep(OK));
        let good = TestProxy::http(server.address);
        let wants =
            TestProxy::saying(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        for bad in [format!("http://user:canary@{nobody}"), http_with_secret(&wants)] {
            let client = through(&[bad, http(&good)]);
            let why = detail(client.fetch(&get("http://a.test/")).await, FailureKind::Proxy);
            assert!(!why.contains("canary"), "{why}");
            for _ in 0..4 {
                let page = client.fetch(&get("http://a.test/")).await.unwrap();
                assert_eq!(page.peer, Some(good.address));
            }
            tokio::time::pause();
            tokio::time::advance(Duration::from_secs(31)).await;
            tokio::time::resume();
            let mut outcomes = Vec::new();
            for _ in 0..2 {
                outcomes.push(told(&client.fetch(&get("http://a.test/")).await));
            }
            outcomes.sort();
            assert_eq!(outcomes, [WHOLE, "proxy"], "its turn comes again");
        }
        // The only one goes on, whatever it does.
        let client = through(&[http(&wants)]);
        for _ in 0..2 {
            assert_eq!(told(&client.fetch(&get("http://a.test/")).await), "proxy");
        }
    });
}

#[test]
fn an_http_proxy_s_refusals_in_words() {
    const LONG: &[u8] = &[b'x'; 20_000];
    let long: &'static [u8] = Box::leak([b"HTTP/1.1 200 OK\r\nX: ", LONG].concat().into_boxed_slice());
    for (says, kind, want) in [
        (
            &b"HTTP/1.1 407 Who are you?\r\nProxy-Authenticate: Basic\r\n\r\n"[..],
            FailureKind::Proxy,
            "PROXY wants a user name and password, or others than it was given (407 Who are you?)",
        ),
        (
            b"HTTP/1.1 403 Forbidden\r\n\r\n<html>",
            FailureKind::Proxy,
            "PROXY refuses the way (403 Forbidden)",
        ),
        (b"HTTP/1.1 405\r\n\r\n", FailureKind::Proxy, "PROXY refuses the way (405)"),
        (
            b"HTTP/1.0 503 Service Unavailable\r\n\r\n",
            FailureKind::Connect,
            "PROXY could not reach a.test:443: 503 Service Unavailable",
        ),
        (b"SSH-2.0-OpenSSH\r\n", FailureKind::Proxy, "PROXY does not speak HTTP"),
        (b"\x05\xff", FailureKind::Proxy, "PROXY does not speak HTTP"),
        (b"HTTP/1.1 yes\r\n\r\n", FailureKind::Proxy, "PROXY answered CONNECT without a status"),
        (long, FailureKind::Proxy, "PROXY answered CONNECT with a head of more than 16384 bytes"),
        (
            b"HTTP/1.1 200 OK\r\n\r\n\x16\x03\x03",
            FailureKind::Proxy,
            "PROXY sent bytes that nobody asked for behind its answer to CONNECT",
        ),
        (b"HTTP/1.1 200", FailureKind::Proxy, "PROXY gave no answer within 0.2 s"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", FailureKind::Proxy, "PROXY gave no answer within 0.2 s"),
    ] {
        run(async {
            let proxy = TestProxy::saying(says);
            let mut settings = settings(&[http_with_secret(&proxy)]);
            if want.ends_with("within 0.2 s") {
                settings.limits.connect = Duration::from_millis(200);
            }
            let why = detail(client(settings).fetch(&get("https://a.test/")).await, kind);
            assert_eq!(why, want.replace("PROXY", &format!("the proxy {}", http(&proxy))));
        });
    }
}

#[test]
fn an_interim_answer_before_the_tunnel_is_passed_over() {
    run(async {
        // Then it is silent, where TLS would begin: the tunnel stands.
        let proxy = TestProxy::saying(b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\n\r\n");
        let limits = Limits { tls: Duration::from_millis(50), ..Limits::default() };
        let client = client(Settings { limits, ..settings(&[http(&proxy)]) });
        assert_eq!(told(&client.fetch(&get("https://a.test/")).await), "tls");
    });
}

#[test]
fn a_proxy_that_is_closed_or_not_there() {
    run(async {
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let why = detail(
            through(&[format!("http://user:canary@{nobody}")]).fetch(&get("https://a.test/")).await,
            FailureKind::Proxy,
        );
        assert!(
            why.starts_with(&format!(
                "the proxy http://{nobody} cannot be reached: {nobody}: Connection refused"
            )),
            "{why}"
        );

        let closing = TestProxy::blurting(vec![(1, Vec::new())]);
        let why = detail(through(&[http(&closing)]).fetch(&get("https://a.test/")).await, FailureKind::Proxy);
        assert_eq!(
            why,
            format!("the proxy {} closed the connection instead of an answer to CONNECT", http(&closing))
        );

        let names = NameServer::new(|_| Says::NoName(None));
        let mut lost = settings(&["http://proxy.test:3128".to_owned()]);
        lost.name_servers = vec![names.address];
        let why = detail(client(lost).fetch(&get("http://a.test/")).await, FailureKind::Proxy);
        assert_eq!(
            why,
            "the proxy http://proxy.test:3128 cannot be reached: proxy.test: there is no such name (NXDOMAIN)"
        );
    });
}

#[test]
fn a_proxy_is_found_by_its_name() {
    run(async {
        let server = Server::new(|_| keep(OK));
        let proxy = TestProxy::http(server.address);
        // Its address is not guarded: it is the user's wish.
        let names = NameServer::new(|_| Says::Addresses(&["127.0.0.1"], 60));
        let port = proxy.address.port();
        let mut named = settings(&[format!("http://proxy.test:{port}")]);
        named.name_servers = vec![names.address];
        let page = client(named).fetch(&get("http://a.test/")).await.unwrap();
        assert_eq!(page.peer, Some(proxy.address));
        assert!(page.timings.dns.is_some());

        let mut wished = settings(&["http://proxy.test:3128".to_owned(), format!("http://localhost:{port}")]);
        wished.overrides = vec![format!("proxy.test={}", proxy.address).parse().unwrap()];
        let client = client(wished);
        for _ in 0..2 {
            assert_eq!(client.fetch(&get("http://a.test/")).await.unwrap().peer, Some(proxy.address));
        }
    });
}

/// What a request through SOCKS fails with, where the proxy reads and says these parts. The client sends a
/// greeting of 3 bytes (4 with credentials), user and password in 13, and for the name `a.test` a request of 13.
fn check_socks(sign_in: &str, parts: &[(usize, &[u8])], kind: FailureKind, want: &str) {
    run(async {
        let proxy = TestProxy::blurting(parts.iter().map(|(reads, says)| (*reads, says.to_vec())).collect());
        let client = through(&[format!("socks5://{sign_in}{}", proxy.address)]);
        let why = detail(client.fetch(&get("http://a.test/")).await, kind);
        assert_eq!(why, format!("the proxy socks5://{} {want}", proxy.address));
    });
}

#[test]
fn a_socks_proxy_s_codes_in_words() {
    use FailureKind::{Connect, Proxy};
    for (code, kind, want) in [
        (1, Proxy, "failed for reasons of its own (SOCKS 1)"),
        (2, Proxy, "does not allow it by its rules (SOCKS 2)"),
        (3, Connect, "could not reach a.test:80: network unreachable (SOCKS 3)"),
        (4, Connect, "could not reach a.test:80: host unreachable (SOCKS 4)"),
        (5, Connect, "could not reach a.test:80: connection refused (SOCKS 5)"),
        (6, Connect, "could not reach a.test:80: too many hops (SOCKS 6)"),
        (7, Proxy, "does not know how to connect (SOCKS 7)"),
        (8, Proxy, "does not know this kind of address (SOCKS 8)"),
        (99, Proxy, "refuses with a code that has no meaning (SOCKS 99)"),
    ] {
        let reply = [5, code, 0, 1, 0, 0, 0, 0, 0, 0];
        check_socks("", &[(3, b"\x05\x00"), (13, &reply)], kind, want);
    }
}

#[test]
fn a_socks_handshake_that_goes_wrong() {
    const CLOSED: &str = "closed the connection within the SOCKS handshake";
    const OTHER: &str = "does not speak SOCKS 5";
    let check = |sign_in, parts, want| check_socks(sign_in, parts, FailureKind::Proxy, want);
    check("", &[(3, b"\x05\xff")], "wants us signed in; write user:password@ before its host");
    check("user:canary@", &[(4, b"\x05\xff")], "accepts neither a user name with a password nor none");
    check("", &[(3, b"\x05\x02")], "chose a way to sign in that was not offered (2)");
    check(
        "user:canary@",
        &[(4, b"\x05\x02"), (13, b"\x01\x01")],
        "does not accept the user name and password",
    );
    check("user:canary@", &[(4, b"\x05\x02"), (13, b"")], CLOSED);
    check("", &[(3, b"HTTP/1.1 400 Bad Request\r\n\r\n")], OTHER);
    check("", &[(3, b"")], CLOSED);
    check("", &[(3, b"\x05\x00"), (13, b"\x05\x00\x00")], CLOSED);
    check("", &[(3, b"\x05\x00"), (13, b"\x05\x00\x00\x01\0\0")], CLOSED);
    check("", &[(3, b"\x05\x00"), (13, b"\x04\x00\x00\x01\0\0\0\0\0\0")], OTHER);
    let kind = "answered with an address of no known kind (9)";
    check("", &[(3, b"\x05\x00"), (13, b"\x05\x00\x00\x09\0\0\0\0\0\0")], kind);
}

#[test]
fn a_socks_proxy_knows_the_password() {
    run(async {
        let server = Server::new(|_| keep(OK));
        let socks = TestProxy::socks(server.address, "user:can:ary ");
        for (sign_in, want) in [
            ("user:can%3Aary%20@", WHOLE),
            ("user:can:ary%20@", WHOLE),
            ("user:wrong@", "proxy"),
            ("user@", "proxy"),
            ("", "proxy"),
        ] {
            let client = through(&[format!("socks5://{sign_in}{}", socks.address)]);
            assert_eq!(told(&client.fetch(&get("http://a.test/")).await), want, "{sign_in}");
        }
    });
}

#[test]
fn the_guard_stands_before_a_proxy_too() {
    run(async {
        let server = Server::new(|_| keep(OK));
        let (proxy, socks) = (TestProxy::http(server.address), TestProxy::socks(server.address, ""));
        for proxy in [http(&proxy), format!("socks5://{}", socks.address)] {
            let client = through(&[proxy]);
            for url in [
                "http://127.0.0.1/",
                "https://127.0.0.1/",
                "http://0x7f.1/",
                "http://2130706433/",
                "http://10.0.0.1/",
                "http://169.254.169.254/latest/meta-data/",
                "http://[::1]/",
                "http://[::ffff:10.0.0.1]/",
                "http://localhost/",
                "http://localhost./",
                "https://x.localhost/",
                "http://a.test:25/",
                "http://a.test:6379/",
            ] {
                assert_eq!(told(&client.fetch(&get(url)).await), "refused", "{url}");
            }
        }
        assert_eq!((proxy.connections(), socks.connections(), server.connections()), (0, 0, 0));
    });
}
