//! Kept connections that lie: open, and never answered again.

use std::time::Duration;

use crate::support::{Reply, Server, client, close, detail, get, keep, loopback, run, told};
use dragline_fetch::{Client, Method};
use dragline_model::{FailureKind, GivenUp, Page, Stale};
use futures_util::future::join_all;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Answers the first request of each connection and none behind it, as some portals' front doors do.
fn stalling() -> Server {
    Server::new(|asked| if asked.nth == 0 { keep(OK) } else { Reply::Silence(Vec::new()) })
}

async fn wave(client: &Client, url: &str) -> Vec<Page> {
    let requests: Vec<_> = (0..5).map(|_| get(url)).collect();
    let outcomes = join_all(requests.iter().map(|request| client.fetch(request))).await;
    outcomes.into_iter().map(Result::unwrap).collect()
}

fn silent(page: &Page) -> bool {
    matches!(page.timings.given_up, Some(GivenUp { how: Stale::Silent, .. }))
}

#[test]
fn a_silent_kept_connection_is_given_up_for_a_fresh_one() {
    run(async {
        let server = stalling();
        let client = client(loopback());
        let url = server.url("/");
        let first = wave(&client, &url).await;
        assert!(first.iter().all(|page| page.timings.given_up.is_none() && !page.timings.reused));
        let second = wave(&client, &url).await;
        assert!(second.iter().all(silent), "each met a silent connection, and was answered on another");
        assert!(
            second
                .iter()
                .all(|page| !page.timings.reused && page.timings.total > page.timings.first_byte.unwrap())
        );
        // By now the host is known for it.
        let third = wave(&client, &url).await;
        assert!(third.iter().all(|page| page.timings.given_up.is_none() && !page.timings.reused));
        assert_eq!((server.connections(), client.idle()), (15, 0));
    });
}

#[test]
fn another_host_keeps_its_connections() {
    run(async {
        let (stalling, good) = (stalling(), Server::new(|_| keep(OK)));
        let client = client(loopback());
        for _ in 0..3 {
            client.fetch(&get(&good.url("/"))).await.unwrap();
            client.fetch(&get(&stalling.url("/"))).await.unwrap();
        }
        assert_eq!((good.connections(), stalling.connections()), (1, 3));
    });
}

#[test]
fn a_slow_host_is_not_taken_for_a_silent_one() {
    run(async {
        // Slower than the shortest silence that is held against anybody.
        let server = Server::new(|_| Reply::After(Duration::from_millis(600), OK.into()));
        let client = client(loopback());
        for i in 0..3 {
            let page = client.fetch(&get(&server.url("/"))).await.unwrap();
            assert_eq!((page.timings.reused, page.timings.given_up), (i > 0, None));
        }
        assert_eq!((server.connections(), server.heads().len()), (1, 3));
    });
}

#[test]
fn a_request_that_cannot_be_repeated_goes_over_a_proven_host_only() {
    run(async {
        let server = Server::new(|_| keep(OK));
        let client = client(loopback());
        let post = get(&server.url("/")).method(Method::POST);
        for connections in [1, 2] {
            assert_eq!(told(&client.fetch(&post).await), "200 whole \"ok\"");
            assert_eq!(
                server.connections(),
                connections,
                "nobody knows yet whether kept connections hold here"
            );
        }
        let page = client.fetch(&get(&server.url("/"))).await.unwrap();
        assert!(page.timings.reused);
        assert!(client.fetch(&post).await.unwrap().timings.reused, "now it is known");
        assert_eq!(server.connections(), 2);
    });
}

#[test]
fn a_request_that_cannot_be_repeated_is_not() {
    run(async {
        let server = Server::new(|asked| if asked.head.starts_with("POST") { close("") } else { keep(OK) });
        let client = client(loopback());
        for _ in 0..2 {
            client.fetch(&get(&server.url("/"))).await.unwrap();
        }
        let why =
            detail(client.fetch(&get(&server.url("/")).method(Method::POST)).await, FailureKind::Closed);
        assert!(why.starts_with("the kept connection was "), "{why}");
        let posts = server.heads().iter().filter(|head| head.starts_with("POST")).count();
        assert_eq!(posts, 1);
    });
}

#[test]
fn a_fresh_request_uses_no_kept_connection() {
    run(async {
        let server = Server::new(|_| keep(OK));
        let client = client(loopback());
        let mut request = get(&server.url("/"));
        request.fresh = true;
        for connections in 1..=3 {
            client.fetch(&request).await.unwrap();
            assert_eq!((server.connections(), client.idle()), (connections, 0));
            assert!(server.heads().last().unwrap().contains("Connection: close\r\n"));
        }
    });
}
