//! Connections: kept, closed, silent, left over, and waited for.

use std::{env, fs, pin::pin, process::Command, time::Duration};

use actix_service::fn_service;
use actix_tls::connect::{ConnectError, ConnectInfo, Connection};
use awc::http::Uri;
use dragline_fetch::{Limits, Settings};
use futures_util::future::{Either, join_all, select};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::{
    plain::{FOR_EVER, asked, plain},
    support::{Reply, Server, client, get, keep, loopback, run, told},
};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Answers the first request of each connection; the second is met with `reply`.
fn once(reply: fn() -> Reply) -> Server {
    Server::new(move |asked| if asked.nth == 0 { keep(OK) } else { reply() })
}

#[test]
fn a_kept_connection_that_is_closed_as_it_is_used_again() {
    run(async {
        let server = once(|| Reply::Close(Vec::new()));
        let awc = plain();
        assert_eq!(asked(&awc, &server.url("/")).await, "200 \"ok\"");
        assert_eq!(asked(&awc, &server.url("/")).await, "an error");

        let client = client(loopback());
        for _ in 0..2 {
            assert_eq!(told(&client.fetch(&get(&server.url("/"))).await), "200 whole \"ok\"");
        }
    });
}

#[test]
fn a_kept_connection_that_is_never_answered_again() {
    run(async {
        // The founding story: two waves of five calls, and a shared client that fails the second.
        let server = once(|| Reply::Silence(Vec::new()));
        let awc = plain();
        let url = server.url("/");
        for want in ["200 \"ok\"", "waits for the head"] {
            assert_eq!(join_all((0..5).map(|_| asked(&awc, &url))).await, [want; 5]);
        }

        let client = client(loopback());
        let request = get(&url);
        for _ in 0..2 {
            let wave = join_all((0..5).map(|_| client.fetch(&request))).await;
            assert!(wave.iter().all(|outcome| told(outcome) == "200 whole \"ok\""), "{wave:?}");
        }
    });
}

#[test]
fn a_slow_host_starves_the_others() {
    run(async {
        // As many as awc's pool has places; one queue for all hosts, first come, first served.
        const PLACES: usize = 100;
        let slow = Server::new(|_| Reply::Silence(Vec::new()));
        let good = Server::new(|_| keep(OK));
        let (awc, url, other_url) = (plain(), slow.url("/"), good.url("/"));
        // They wait for as long as it takes; the other one gives up on them.
        let waiting = join_all((0..PLACES).map(|_| awc.get(&url).timeout(100 * FOR_EVER).send()));
        let (mut waiting, mut other) = (pin!(waiting), pin!(asked(&awc, &other_url)));
        let Either::Right((got, _)) = select(&mut waiting, &mut other).await else {
            panic!("the silent host spoke")
        };
        assert_eq!((got.as_str(), good.connections()), ("waits for the head", 0));

        let limits = Limits { head: 4 * FOR_EVER, ..Limits::default() };
        let client = client(Settings { limits, ..loopback() });
        let (request, before) = (get(&url), slow.connections());
        let waiting = join_all((0..PLACES).map(|_| client.fetch(&request)));
        let other = async {
            // Behind all the others.
            while slow.connections() < before + PLACES {
                tokio::task::yield_now().await;
            }
            client.fetch(&get(&other_url)).await
        };
        let (waited, other) = tokio::join!(waiting, other);
        assert!(waited.iter().all(|outcome| told(outcome) == "head_timeout"));
        assert_eq!(told(&other), "200 whole \"ok\"");
    });
}

#[test]
fn a_connector_s_word_that_makes_awc_panic() {
    run(async {
        let connector = awc::Connector::new().connector(fn_service(async |_: ConnectInfo<Uri>| {
            Err::<Connection<Uri, tokio::net::TcpStream>, _>(ConnectError::InvalidInput)
        }));
        let awc = awc::Client::builder().connector(connector).finish();
        let asked = tokio::task::spawn_local(async move { awc.get("http://a.test/").send().await.is_ok() });
        assert!(asked.await.unwrap_err().is_panic());

        // Whatever keeps this crate's connector from connecting has a name.
        let client = client(Settings::default());
        for (url, kind) in [
            ("http://127.0.0.1/", "refused"),
            ("http://a.test:25/", "refused"),
            ("http://nobody.invalid/", "dns"),
        ] {
            assert_eq!(told(&client.fetch(&get(url)).await), kind, "{url}");
        }
    });
}

/// Says to a child that it is alone, and may count its descriptors.
const ALONE: &str = "DRAGLINE_ALONE";

#[test]
fn hosts_that_were_asked_once_leave_a_descriptor_behind() {
    if env::var_os(ALONE).is_none() {
        // Other tests of this process open and close descriptors of their own.
        let name = "connections::hosts_that_were_asked_once_leave_a_descriptor_behind";
        let child = Command::new(env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .env(ALONE, "yes")
            .output()
            .unwrap();
        assert!(
            child.status.success(),
            "{}",
            String::from_utf8_lossy(&[child.stdout, child.stderr].concat())
        );
        return;
    }
    const HOSTS: usize = 300;
    dragline_fetch::raise_open_files();
    run(async {
        let mut urls = Vec::new();
        for _ in 0..HOSTS {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            urls.push(format!("http://{}/", listener.local_addr().unwrap()));
            tokio::task::spawn_local(serve(listener));
        }
        let Some(before) = descriptors() else {
            return println!("no /proc/self/fd here: nothing is counted");
        };

        let awc = plain();
        for url in &urls {
            assert_eq!(asked(&awc, url).await, "200 \"ok\"");
        }
        let left = descriptors().unwrap() - before;
        assert!(left >= 2 * HOSTS, "both ends of each connection are here: {left}");
        drop(awc);

        let limits = Limits { keep_idle: Duration::ZERO, ..Limits::default() };
        let client = client(Settings { limits, ..loopback() });
        for url in &urls {
            assert_eq!(told(&client.fetch(&get(url)).await), "200 whole \"ok\"");
        }
        assert_eq!((client.reap(), client.idle()), (HOSTS, 0));
        // The server's ends close when it hears of it.
        while descriptors().unwrap() > before {
            actix_rt::time::sleep(Duration::from_millis(1)).await;
        }
    });
}

async fn serve(listener: TcpListener) {
    while let Ok((mut socket, _)) = listener.accept().await {
        tokio::task::spawn_local(async move {
            let mut request = [0; 4096];
            while socket.read(&mut request).await.is_ok_and(|bytes| bytes > 0) {
                if socket.write_all(OK.as_bytes()).await.is_err() {
                    break;
                }
            }
        });
    }
}

/// Descriptors of this process; `None` where nobody tells.
fn descriptors() -> Option<usize> {
    Some(fs::read_dir("/proc/self/fd").ok()?.count())
}
