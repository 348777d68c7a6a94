//! Connections: kept, used again, replaced, bounded, dropped. The server counts them.

use std::{
    net::TcpListener,
    sync::{Arc, Barrier},
    time::Duration,
};

use crate::support::{Reply, Server, client, close, detail, get, keep, loopback, run, told};
use dragline_fetch::{Client, Limits, Settings, Shared};
use dragline_model::FailureKind;
use futures_util::future::{join, join_all};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[test]
fn one_connection_serves_many_requests() {
    run(async {
        let server = Server::new(|_| keep(OK));
        let client = client(loopback());
        for i in 0..50 {
            let page = client.fetch(&get(&server.url(&format!("/{i}")))).await.unwrap();
            let timings = page.timings;
            assert_eq!(timings.reused, i > 0);
            assert_eq!(timings.connect.is_some(), i == 0, "a kept connection is not connected again");
            assert_eq!((timings.dns, timings.tls), (None, None));
            assert!(timings.first_byte.is_some() && timings.body.is_some());
            assert!(timings.total >= timings.body.unwrap());
        }
        assert_eq!(server.connections(), 1);
    });
}

#[test]
fn a_connection_belongs_to_one_origin() {
    run(async {
        let server = Server::new(|asked| {
            let host = asked.head.lines().find_map(|line| line.strip_prefix("Host: ")).unwrap_or_default();
            keep(&format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{host}", host.len()))
        });
        let mut settings = loopback();
        settings.overrides = vec![format!("*.test={}", server.address).parse().unwrap()];
        let client = client(settings);
        for _ in 0..2 {
            for host in ["a.test", "b.test"] {
                let page = client.fetch(&get(&format!("http://{host}/"))).await.unwrap();
                assert_eq!(page.body, host);
            }
        }
        assert_eq!((server.connections(), client.idle()), (2, 2));
    });
}

#[test]
fn a_kept_connection_that_was_closed_is_replaced_once() {
    run(async {
        // Answers the first request of each connection, and closes at the second.
        let server = Server::new(|asked| if asked.nth == 0 { keep(OK) } else { close("") });
        let client = client(loopback());
        for i in 1..=5 {
            assert_eq!(told(&client.fetch(&get(&server.url("/"))).await), "200 whole \"ok\"");
            assert_eq!(server.connections(), i);
        }
    });
}

#[test]
fn a_new_connection_that_is_closed_is_not_replaced() {
    run(async {
        let server = Server::new(|_| close(""));
        let outcome = client(loopback()).fetch(&get(&server.url("/"))).await;
        assert_eq!(detail(outcome, FailureKind::Closed), "the connection was closed before an answer came");
        assert_eq!(server.connections(), 1);
    });
}

#[test]
fn a_replacement_that_is_closed_is_not_replaced() {
    run(async {
        let server =
            Server::new(|asked| if asked.connection == 0 && asked.nth == 0 { keep(OK) } else { close("") });
        let client = client(loopback());
        assert!(client.fetch(&get(&server.url("/"))).await.is_ok());
        assert_eq!(told(&client.fetch(&get(&server.url("/"))).await), "closed");
        assert_eq!((server.connections(), server.heads().len()), (2, 3));
    });
}

#[test]
fn an_answer_that_has_begun_is_not_asked_for_again() {
    run(async {
        let server = Server::new(|asked| if asked.nth == 0 { keep(OK) } else { close("HTTP/1.1 2") });
        let client = client(loopback());
        assert!(client.fetch(&get(&server.url("/"))).await.is_ok());
        assert_eq!(told(&client.fetch(&get(&server.url("/"))).await), "closed");
        assert_eq!(server.connections(), 1);
    });
}

#[test]
fn closed_connections_are_reaped() {
    run(async {
        let closing = Server::new(|_| close(OK));
        let open = Server::new(|_| keep(OK));
        let client = client(loopback());
        client.fetch(&get(&open.url("/"))).await.unwrap();
        client.fetch(&get(&closing.url("/"))).await.unwrap();
        assert_eq!(client.idle(), 2);
        // The close arrives when it arrives.
        let mut reaped = 0;
        while reaped == 0 {
            actix_rt::time::sleep(Duration::from_millis(1)).await;
            reaped += client.reap();
        }
        assert_eq!((reaped, client.idle()), (1, 1));
        client.fetch(&get(&open.url("/"))).await.unwrap();
        assert_eq!(open.connections(), 1);
    });
}

#[test]
fn connections_that_waited_too_long_are_dropped() {
    run(async {
        let server = Server::new(|_| keep(OK));
        let limits = Limits { keep_idle: Duration::ZERO, ..Limits::default() };
        let client = client(Settings { limits, ..loopback() });
        for _ in 0..3 {
            client.fetch(&get(&server.url("/"))).await.unwrap();
        }
        assert_eq!((server.connections(), client.reap(), client.idle()), (3, 1, 0));
    });
}

#[test]
fn a_host_keeps_its_share_of_connections_only() {
    run(async {
        const AT_ONCE: usize = 6;
        // Nobody is answered before all have asked, so each needs a connection of its own.
        let all_here = Arc::new(Barrier::new(AT_ONCE));
        let server = Server::new(move |_| {
            all_here.wait();
            keep(OK)
        });
        let limits = Limits { idle_per_host: 4, ..Limits::default() };
        let client = client(Settings { limits, ..loopback() });
        let request = get(&server.url("/"));
        let outcomes = join_all((0..AT_ONCE).map(|_| client.fetch(&request))).await;
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        assert_eq!((server.connections(), client.idle()), (AT_ONCE, 4));
    });
}

#[test]
fn idle_connections_give_way_when_there_are_too_many() {
    run(async {
        let server = Server::new(|_| keep(OK));
        let limits = Limits { connections: Some(2), ..Limits::default() };
        let mut settings = Settings { limits, ..loopback() };
        settings.overrides = vec![format!("*.test={}", server.address).parse().unwrap()];
        let client = client(settings);
        for i in 0..5 {
            assert!(client.fetch(&get(&format!("http://h{i}.test/"))).await.is_ok());
        }
        assert_eq!((server.connections(), client.idle()), (5, 2));
    });
}

#[test]
fn too_many_connections_at_once_is_our_own_want() {
    run(async {
        let server = Server::new(|_| Reply::Silence(Vec::new()));
        let limits = Limits {
            connections: Some(1),
            connect: Duration::from_millis(50),
            head: Duration::from_millis(300),
            ..Limits::default()
        };
        let client = client(Settings { limits, ..loopback() });
        let request = get(&server.url("/"));
        let (first, second) = join(client.fetch(&request), client.fetch(&request)).await;
        assert_eq!(told(&first), "head_timeout");
        let why = detail(second, FailureKind::Resources);
        assert!(why.starts_with("all 1 connections are in use"), "{why}");
        // The share comes back with the connection.
        assert_eq!(told(&client.fetch(&request).await), "head_timeout");
    });
}

#[test]
fn a_dropped_request_closes_its_connection() {
    run(async {
        let (gone, wait) = std::sync::mpsc::channel();
        let gone = std::sync::Mutex::new(gone);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            crate::support::read_head(&mut stream).unwrap();
            let end = crate::support::read_head(&mut stream);
            gone.lock().unwrap().send(end.is_err() || end.unwrap().is_none()).unwrap();
        });
        let client = client(loopback());
        let request = get(&format!("http://{address}/"));
        let cut = tokio::time::timeout(Duration::from_millis(100), client.fetch(&request)).await;
        assert!(cut.is_err());
        assert_eq!(wait.recv_timeout(Duration::from_secs(10)), Ok(true));
        assert_eq!(client.idle(), 0);
    });
}

#[test]
fn clients_of_one_process_share_the_bound_on_connections() {
    run(async {
        let shared = Shared::new(Settings {
            limits: Limits { connections: Some(1), connect: Duration::from_millis(50), ..Limits::default() },
            ..loopback()
        })
        .unwrap();
        assert_eq!(shared.connections(), 1);
        let server = Server::new(|_| keep(OK));
        let (one, two) = (Client::new(&shared), Client::new(&shared));
        assert!(one.fetch(&get(&server.url("/"))).await.is_ok());
        assert_eq!(told(&two.fetch(&get(&server.url("/"))).await), "resources");
        drop(one);
        assert!(two.fetch(&get(&server.url("/"))).await.is_ok());
    });
}

#[test]
fn nobody_listens() {
    run(async {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let outcome = client(loopback()).fetch(&get(&format!("http://127.0.0.1:{port}/"))).await;
        let why = detail(outcome, FailureKind::Connect);
        assert!(why.starts_with(&format!("127.0.0.1:{port}: Connection refused")), "{why}");
    });
}
