//! Names: asked for once, believed as long as they say, judged at every answer; a name server that fails.

use std::{net::TcpListener, time::Duration};

use crate::{
    dns::{Kind, NameServer, Says},
    support::{Server, client, detail, get, keep, run, told},
};
use dragline_fetch::{Client, Limits, Request, Settings};
use dragline_model::{Failure, FailureKind, Page};
use futures_util::{
    FutureExt,
    future::{Either, join_all, select},
};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A request that needs a connection of its own, and so an address.
fn fresh(url: &str) -> Request {
    let mut request = get(url);
    request.fresh = true;
    request
}

async fn ask(client: &Client, host: &str, port: u16) -> Result<Page, Failure> {
    client.fetch(&fresh(&format!("http://{host}:{port}/"))).await
}

/// Lets time pass for the caches and nothing else.
async fn pass(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

#[test]
fn a_hundred_look_ups_are_one_question() {
    run(async {
        let server = Server::new(|_| keep(OK));
        let (all_have_asked, wait) = std::sync::mpsc::channel::<()>();
        let wait = std::sync::Mutex::new(wait);
        let names = NameServer::new(move |_| {
            // Only the first time; from then on the other end is gone.
            let _ = wait.lock().unwrap().recv();
            // Not to be kept, so that it is not the cache that answers the others.
            Says::Addresses(&["127.0.0.1"], 0)
        });
        let client = client(names.settings());
        let mut all: Vec<_> =
            (0..100).map(|_| Box::pin(ask(&client, "a.test", server.address.port()))).collect();
        for one in &mut all {
            assert!(tokio::task::unconstrained(one).now_or_never().is_none());
        }
        drop(all_have_asked);
        let outcomes = join_all(all).await;
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        assert!(outcomes.iter().flatten().all(|page| page.timings.dns.is_some()));
        assert_eq!((names.asked("a.test", Kind::A), names.asked("a.test", Kind::Aaaa)), (1, 1));
    });
}

#[test]
fn an_answer_is_believed_as_long_as_it_says() {
    let server = Server::new(|_| keep(OK));
    let port = server.address.port();
    for (host, says, after, want) in [
        ("minute.test", Says::Addresses(&["127.0.0.1"], 60), [0, 50, 61], [1, 1, 2]),
        ("MINUTE.test.", Says::Addresses(&["127.0.0.1"], 60), [0, 50, 61], [1, 1, 2]),
        ("alias.test", Says::Alias("far.test", 60, &["127.0.0.1"], 3600), [0, 50, 61], [1, 1, 2]),
        ("now.test", Says::Addresses(&["127.0.0.1"], 0), [0, 0, 0], [1, 2, 3]),
        ("year.test", Says::Addresses(&["127.0.0.1"], 31_536_000), [0, 86_000, 86_401], [1, 1, 2]),
    ] {
        run(async {
            let names = NameServer::new(move |_| says.clone());
            let client = client(names.settings());
            let name = host.to_lowercase();
            let mut passed = 0;
            for (at, want) in after.into_iter().zip(want) {
                pass(at - passed).await;
                passed = at;
                assert_eq!(told(&ask(&client, host, port).await), "200 whole \"ok\"");
                assert_eq!(names.asked(name.trim_end_matches('.'), Kind::A), want, "{host} after {at} s");
            }
        });
    }
}

#[test]
fn aliases_are_followed_and_no_longer_believed_than_their_shortest() {
    run(async {
        let server = Server::new(|_| keep(OK));
        let names = NameServer::new(|question| match question.name.as_str() {
            "first.test" => Says::Alias("second.test", 60, &[], 0),
            "second.test" => Says::Alias("third.test", 3600, &[], 0),
            "third.test" => Says::Addresses(&["127.0.0.1"], 3600),
            "round.test" => Says::Alias("about.test", 60, &[], 0),
            "about.test" => Says::Alias("round.test", 60, &[], 0),
            _ => Says::NoName(None),
        });
        let client = client(names.settings());
        for (passes, asked) in [(0, 1), (50, 1), (11, 2)] {
            pass(passes).await;
            assert_eq!(told(&ask(&client, "first.test", server.address.port()).await), "200 whole \"ok\"");
            assert_eq!(names.asked("first.test", Kind::A), asked);
        }
        let why = detail(ask(&client, "round.test", 80).await, FailureKind::Dns);
        assert_eq!(why, "round.test has no address");
    });
}

#[test]
fn that_there_is_no_name_is_believed_too() {
    for (says, kept, want) in [
        (Says::NoName(Some(60)), 60, "a.test: there is no such name (NXDOMAIN)"),
        (Says::NoName(Some(86_400)), 300, "a.test: there is no such name (NXDOMAIN)"),
        (Says::NoAddress(Some(60)), 60, "a.test has no address"),
        (Says::NoName(None), 5, "a.test: there is no such name (NXDOMAIN)"),
        (Says::Code(2), 5, "a.test: the name server failed (SERVFAIL)"),
        (Says::Code(5), 5, "a.test: the name server refused to answer (REFUSED)"),
    ] {
        run(async {
            let names = NameServer::new(move |_| says.clone());
            let client = client(names.settings());
            for (passes, asked) in [(0, 1), (kept - 1, 1), (2, 2)] {
                pass(passes).await;
                assert_eq!(detail(ask(&client, "a.test", 80).await, FailureKind::Dns), want);
                assert_eq!(names.asked("a.test", Kind::A), asked, "{want}, {passes} s later");
            }
        });
    }
}

#[test]
fn names_that_nobody_is_asked_for() {
    run(async {
        let names = NameServer::new(|_| Says::Addresses(&["127.0.0.1"], 60));
        let client = client(Settings { allow_net: Vec::new(), ..names.settings() });
        for (host, kind, want) in [
            ("localhost", FailureKind::Refused, "127.0.0.1 is a loopback address"),
            ("localhost.", FailureKind::Refused, "127.0.0.1 is a loopback address"),
            ("a.b.localhost", FailureKind::Refused, "127.0.0.1 is a loopback address"),
            ("nobody.invalid", FailureKind::Dns, "nobody.invalid: there is no such name"),
            ("a..test", FailureKind::Dns, "a..test: this is no name that a name server could know"),
        ] {
            let why = detail(ask(&client, host, 80).await, kind);
            assert!(why.starts_with(want), "{host}: {why}");
        }
        assert_eq!(names.asked_in_all(), 0);
        assert_eq!(told(&ask(&client, "xlocalhost", 80).await), "refused", "a name like any other");
        assert_eq!(names.asked("xlocalhost", Kind::A), 1);
    });
}

#[test]
fn every_answer_is_judged() {
    run(async {
        // Two servers on one port: 127.0.1.0/24 counts as public here, 127.0.9.0/24 does not.
        let public = Server::at("127.0.1.1:0", |_| keep(OK));
        let port = public.address.port();
        let private = Server::at(&format!("127.0.9.1:{port}"), |_| keep(OK));
        let names = NameServer::new(|question| match (question.name.as_str(), question.nth) {
            ("rebind.test", 0) => Says::Addresses(&["127.0.1.1"], 0),
            ("rebind.test", _) => Says::Addresses(&["127.0.9.1"], 0),
            ("mixed.test", _) => Says::Addresses(&["127.0.9.1", "127.0.1.1", "::1", "::ffff:127.0.9.1"], 0),
            ("alias.test", _) => Says::Alias("inner.test", 60, &["127.0.9.1"], 60),
            ("app.localtest.me", _) => Says::Addresses(&["127.0.9.1", "::1"], 60),
            ("mapped.test", _) => Says::Addresses(&["::ffff:127.0.9.1"], 60),
            ("translated.test", _) => Says::Addresses(&["64:ff9b::127.0.9.1", "2002:7f00:901::1"], 60),
            ("metadata.test", _) => Says::Addresses(&["169.254.169.254", "fd00:ec2::254"], 60),
            _ => Says::NoName(None),
        });
        let allow_net = vec!["127.0.1.0/24".parse().unwrap()];
        let client = client(Settings { allow_net, ..names.settings() });
        assert_eq!(told(&ask(&client, "rebind.test", port).await), "200 whole \"ok\"");
        for _ in 0..3 {
            let why = detail(ask(&client, "rebind.test", port).await, FailureKind::Refused);
            assert_eq!(why, "127.0.9.1 is a loopback address; --allow-net 127.0.0.0/8 lifts the guard");
            let page = ask(&client, "mixed.test", port).await.unwrap();
            assert_eq!(page.peer, Some(public.address));
        }
        for host in ["alias.test", "app.localtest.me", "mapped.test", "translated.test", "metadata.test"] {
            assert_eq!(told(&ask(&client, host, port).await), "refused", "{host}");
        }
        assert_eq!((public.connections(), private.connections()), (4, 0));
    });
}

#[test]
fn a_name_server_that_is_silent_about_one_name_holds_up_no_other() {
    run(async {
        let server = Server::new(|_| keep(OK));
        let port = server.address.port();
        let names = NameServer::new(|question| match question.name.starts_with("silent") {
            true => Says::Silence,
            false => Says::Addresses(&["127.0.0.1"], 60),
        });
        let client = client(names.settings());
        let hosts: Vec<String> = (0..10).map(|i| format!("silent{i}.test")).collect();
        let silent = join_all(hosts.iter().map(|host| ask(&client, host, port)));
        let others = async {
            for i in 0..10 {
                assert_eq!(told(&ask(&client, &format!("h{i}.test"), port).await), "200 whole \"ok\"");
            }
        };
        match select(Box::pin(silent), Box::pin(others)).await {
            Either::Right(((), _)) => {}
            Either::Left((outcomes, _)) => panic!("the silent names were done first: {outcomes:?}"),
        }
    });
}

#[test]
fn silence_has_an_end() {
    run(async {
        let names = NameServer::new(|_| Says::Silence);
        let limits = Limits { connect: Duration::from_millis(50), ..Limits::default() };
        let client = client(Settings { limits, ..names.settings() });
        let why = detail(ask(&client, "a.test", 80).await, FailureKind::Dns);
        assert_eq!(why, "a.test: no answer from the name server within 0.05 s");
    });
}

#[test]
fn one_family_s_silence_does_not_hold_up_the_other() {
    run(async {
        let server = Server::new(|_| keep(OK));
        let names = NameServer::new(|question| match question.kind {
            Kind::A => Says::Addresses(&["127.0.0.1"], 60),
            Kind::Aaaa => Says::Silence,
        });
        let outcome = ask(&client(names.settings()), "a.test", server.address.port()).await;
        assert_eq!(told(&outcome), "200 whole \"ok\"");
    });
}

#[test]
fn a_lost_question_is_put_again_and_a_long_answer_fetched_over_tcp() {
    run(async {
        let server = Server::new(|_| keep(OK));
        let names = NameServer::new(|question| match question.name.as_str() {
            "lost.test" if !question.again => Says::Silence,
            "long.test" if !question.tcp => Says::Truncated,
            _ => Says::Addresses(&["127.0.0.1"], 60),
        });
        let client = client(names.settings());
        for host in ["lost.test", "long.test"] {
            assert_eq!(told(&ask(&client, host, server.address.port()).await), "200 whole \"ok\"", "{host}");
        }
    });
}

/// An address that takes no connection and refuses none: its server's queue is full.
fn hole(address: &str) -> (TcpListener, Vec<std::net::TcpStream>) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(address.parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap().into_std().unwrap();
    let address = listener.local_addr().unwrap();
    let mut queue = Vec::new();
    // Until one hangs; a kernel takes one or two more than it is told.
    while let Ok(stream) = std::net::TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
        queue.push(stream);
        assert!(queue.len() < 64, "this kernel's queues have no end");
    }
    (listener, queue)
}

#[test]
fn an_address_that_hangs_gives_way_to_the_next() {
    run(async {
        let server = Server::at("127.0.1.2:0", |_| keep(OK));
        let port = server.address.port();
        let _hole = hole(&format!("127.0.1.1:{port}"));
        let names = NameServer::new(|question| match question.kind {
            Kind::A => Says::Addresses(&["127.0.1.1", "127.0.1.2"], 60),
            Kind::Aaaa => Says::NoAddress(Some(60)),
        });
        let page = ask(&client(names.settings()), "a.test", port).await.unwrap();
        assert_eq!(page.peer, Some(server.address));
    });
}

#[test]
fn every_address_that_failed_is_told() {
    run(async {
        let port = TcpListener::bind("127.0.1.3:0").unwrap().local_addr().unwrap().port();
        let _hole = hole(&format!("127.0.1.1:{port}"));
        let names = NameServer::new(|_| Says::Addresses(&["127.0.1.1", "127.0.1.3"], 60));
        let limits = Limits { connect: Duration::from_millis(1500), ..Limits::default() };
        let client = client(Settings { limits, ..names.settings() });
        let why = detail(ask(&client, "a.test", port).await, FailureKind::Connect);
        let (refused, hung) = why.split_once("; ").unwrap();
        assert!(refused.starts_with(&format!("127.0.1.3:{port}: Connection refused")), "{why}");
        assert_eq!(hung, format!("127.0.1.1:{port}: no connection within 1.5 s"));
    });
}
