//! What an answer tells.

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use dragline_gather::{Call, Expect};
use dragline_model::{Blame, FailureKind};
use futures_util::{Stream, StreamExt};
use tokio::sync::Semaphore;

use crate::support::{Reply, Server, ask, gather, json, one, reply, told};

#[test]
fn everything_that_is_known() {
    let server = Server::new(|_| json("{\"a\": [1.10]}\n"));
    let answer = ask(server.url("/d?serviceKey=ab%2Bcd%3D%3D&q='1'"));
    assert!(answer.is_ok());
    assert_eq!(server.seen()[0].target, "/d?serviceKey=ab%2Bcd%3D%3D&q='1'", "byte for byte");
    assert_eq!((answer.n, answer.attempts, answer.status), (1, 1, Some(200)));
    assert_eq!(
        (answer.mime.as_deref(), &answer.body[..]),
        (Some("application/json"), &b"{\"a\": [1.10]}\n"[..])
    );
    assert_eq!(
        answer.digest.as_deref(),
        Some("sha256:dd40fa18adab543dba5cd4d6727c72e298b25b6369c34797b8b415928447d872")
    );
    assert!(answer.final_url.is_none() && answer.hops.is_empty() && answer.pages.is_empty());
    assert!(answer.timings.unwrap().first_byte.is_some() && answer.peer.is_some());
    assert_eq!(answer.json().unwrap()["a"][0], 1.1);
    let line = answer.line().to_string();
    assert!(line.contains("\"json\":{\"a\":[1.10]}}"), "{line}");
}

#[test]
fn what_is_not_expected_is_told() {
    let server = Server::new(|_| {
        Reply::Now(reply("200 OK", "Content-Type: text/xml\r\n", "<Response>\n <errMsg>NO KEY</errMsg>"))
    });
    let answer = one(gather([server.url("/")]).expect("json,2xx".parse().unwrap()));
    assert_eq!(
        told(&answer),
        "unexpected: expected json,2xx, got 200 text/xml: <Response><errMsg>NO KEY</errMsg>"
    );
    assert_eq!((answer.status, answer.is_ok()), (Some(200), false));
    assert!(!answer.body.is_empty() && answer.json().is_err());

    let gone = Server::new(|_| Reply::Now(reply("404 Gone", "", "")));
    let expect: Expect = "404".parse().unwrap();
    assert!(one(gather([gone.url("/")]).expect(expect)).is_ok());
    assert!(!ask(gone.url("/")).is_ok());
}

#[test]
fn bodies_are_decoded_within_bounds_and_cuts_are_marked() {
    let server = Server::new(|seen| match seen.target.as_str() {
        "/long" => Reply::Now(reply("200 OK", "", &"x".repeat(3000))),
        "/odd" => Reply::Now(reply("200 OK", "Content-Encoding: rot13\r\n", "uryyb")),
        "/lie" => Reply::Now(reply("200 OK", "Content-Encoding: gzip\r\n", "no gzip")),
        _ => Reply::Now(reply("200 OK", "Content-Encoding: identity\r\n", "hello")),
    });
    let answer = one(gather([server.url("/long")]).body_limit(1000));
    assert_eq!((answer.body.len(), answer.truncated.map(|cut| cut.as_str())), (1000, Some("length")));
    assert!(!answer.is_ok() && answer.failure.is_none());
    assert_eq!(ask(server.url("/plain")).text(), "hello");
    for (target, body) in [("/odd", "uryyb"), ("/lie", "no gzip")] {
        let answer = ask(server.url(target));
        let failure = answer.failure.as_ref().unwrap();
        assert_eq!((failure.kind, failure.kind.blame()), (FailureKind::Malformed, Blame::Server));
        assert_eq!((answer.status, answer.text().as_ref()), (Some(200), body));
    }
}

#[test]
fn large_bodies_come_whole() {
    let body: String = (0..100_000).map(|i| format!("{i},")).collect();
    let text = reply("200 OK", "", &body);
    let server = Server::new(move |_| Reply::Now(text.clone()));
    let urls: Vec<String> = (0..8).map(|i| server.url(&format!("/{i}"))).collect();
    let answers: Vec<_> = gather(urls).start().unwrap().collect();
    assert!(answers.len() == 8 && answers.iter().all(|answer| answer.text() == body));
}

#[test]
fn a_timeout_is_a_failure_with_its_time() {
    let server = Server::new(|_| Reply::Never);
    let answer = one(gather([server.url("/")]).timeout(Duration::from_millis(50)).retries(0));
    assert_eq!(
        answer.failure.as_ref().map(|it| it.kind),
        Some(FailureKind::HeadTimeout),
        "{}",
        told(&answer)
    );
    assert!(answer.timings.unwrap().total >= Duration::from_millis(50));
}

#[test]
fn a_timeout_past_all_clocks_is_a_year() {
    let server = Server::new(|_| json("1"));
    let answer = one(gather([server.url("/")]).timeout(Duration::MAX));
    assert!(answer.is_ok(), "{}", told(&answer));
}

#[test]
fn a_request_is_sent_as_it_was_made() {
    let server = Server::new(|_| json("1"));
    let call = Call::post(&server.url("/p")).unwrap().header("X-A", "1").json(&[1, 2]).unwrap();
    assert!(ask(call).is_ok());
    let seen = server.seen().remove(0);
    assert_eq!((seen.method.as_str(), seen.body.as_str()), ("POST", "[1,2]"));
    assert_eq!((seen.field("content-type"), seen.field("x-a")), (Some("application/json"), Some("1")));
}

#[test]
fn answers_can_be_awaited_on_any_runtime() {
    let server = Server::new(|_| json("1"));
    let urls: Vec<String> = (0..20).map(|i| server.url(&format!("/{i}"))).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let numbers = runtime.block_on(async {
        let mut stream = gather(urls.clone()).in_order(true).start().unwrap().stream();
        let mut numbers = Vec::new();
        while let Some(answer) = stream.next().await {
            numbers.push(answer.n);
        }
        assert_eq!(stream.progress().answered, 20);
        numbers
    });
    assert_eq!(numbers, (1..=20).collect::<Vec<u64>>());

    // And blocked on within one, which would be no good idea, but no panic either.
    assert_eq!(runtime.block_on(async { gather(urls).start().unwrap().count() }), 20);
}

#[test]
fn whether_the_next_is_there_is_known() {
    for in_order in [false, true] {
        let gate = Arc::new(Semaphore::new(0));
        let permits = Arc::clone(&gate);
        let server = Server::new(move |seen| match seen.target.as_str() {
            "/4" => Reply::For(Arc::clone(&permits), reply("200 OK", "", "late")),
            _ => json("1"),
        });
        let urls: Vec<String> = (1..=5).map(|i| server.url(&format!("/{i}"))).collect();
        let mut answers = gather(urls).in_order(in_order).start().unwrap();
        // All but the fourth. An answer is counted a moment before it is there; what is out, a moment after.
        while (answers.progress().answered, answers.progress().out) != (4, 1) {
            std::thread::yield_now();
        }
        let taken: Vec<bool> = (0..if in_order { 3 } else { 4 })
            .map(|_| {
                assert!(answers.next().is_some());
                answers.is_next_ready()
            })
            .collect();
        assert_eq!(taken.last(), Some(&false), "the fourth is not there");
        assert!(taken[0], "the second is");
        gate.add_permits(1);
        assert_eq!(answers.by_ref().count(), 5 - taken.len());
        assert!(!answers.is_next_ready(), "nothing more comes");
    }
}

#[test]
fn nothing_is_asked_for_nothing() {
    let mut answers = gather([""; 0]).start().unwrap();
    assert!(answers.next().is_none() && answers.next().is_none());
    assert_eq!(answers.progress().total, Some(0));

    struct Nobody;
    impl Wake for Nobody {
        fn wake(self: Arc<Self>) {}
    }
    let waker = Waker::from(Arc::new(Nobody));
    let server = Server::new(|_| Reply::Never);
    let mut stream = pin!(gather([server.url("/")]).start().unwrap().stream());
    assert!(matches!(stream.as_mut().poll_next(&mut Context::from_waker(&waker)), Poll::Pending));
}
