//! What is asked again, how often, and when.

use std::{sync::Mutex, time::Duration};

use dragline_fetch::Method;
use dragline_gather::Call;
use dragline_model::FailureKind;

use crate::support::{Reply, Server, ask, gather, json, one, redirect, reply, told};

/// Answers with these in turn, then with 200.
fn in_turn(replies: &[&str]) -> Server {
    let mut replies: Vec<String> = replies.iter().rev().map(|it| (*it).to_owned()).collect();
    replies.shrink_to_fit();
    let replies = Mutex::new(replies);
    Server::new(move |_| replies.lock().unwrap().pop().map_or_else(|| json("1"), Reply::Now))
}

#[test]
fn what_may_pass_is_asked_again() {
    let oops = reply("500 Oops", "", "");
    for (replies, retries, want) in [
        (&[][..], 2, (Some(200), 1)),
        (&[oops.as_str(), &oops], 2, (Some(200), 3)),
        (&[oops.as_str(), &oops, &oops], 2, (Some(500), 3)),
        (&[oops.as_str(), &oops], 1, (Some(500), 2)),
        (&[oops.as_str()], 0, (Some(500), 1)),
        (&[reply("404 No", "", "").as_str()], 2, (Some(404), 1)),
        (&["no HTTP at all, and some more\r\n\r\n"], 2, (Some(200), 2)),
    ] {
        let server = in_turn(replies);
        let answer = one(gather([server.url("/")]).retries(retries));
        assert_eq!((answer.status, answer.attempts), want, "{replies:?} {retries}: {}", told(&answer));
        assert_eq!(server.seen().len(), answer.attempts as usize);
        assert_eq!(answer.is_ok(), want.0 == Some(200));
        assert!(answer.elapsed >= answer.spent);
    }
}

#[test]
fn what_may_have_arrived_is_not_sent_twice() {
    let oops = reply("500 Oops", "", "");
    for (method, attempts) in [("GET", 2), ("PUT", 2), ("DELETE", 2), ("POST", 1), ("PATCH", 1), ("X", 1)] {
        let server = in_turn(&[&oops]);
        let method: Method = method.parse().unwrap();
        let answer = ask(Call::get(&server.url("/")).unwrap().method(method.clone()).body("x"));
        assert_eq!(answer.attempts, attempts, "{method}");
        assert_eq!(server.seen().len(), attempts as usize, "{method}");
    }
}

#[test]
fn what_never_left_is() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let answer = ask(Call::post(&format!("http://{closed}/")).unwrap().body("x"));
    assert_eq!(answer.failure.as_ref().map(|failure| failure.kind), Some(FailureKind::Connect));
    assert_eq!((answer.attempts, answer.status, answer.is_ok()), (3, None, false));
    let failures: Vec<_> = answer.tries.iter().map(|it| it.failure).collect();
    assert_eq!(failures, [Some(FailureKind::Connect); 3]);
}

#[test]
fn every_request_is_told_of_with_its_time() {
    let server = Server::new(|seen| match (seen.target.as_str(), seen.nth) {
        ("/a", 1) => Reply::Now(reply("500 Oops", "", "")),
        ("/a", _) => redirect(302, "/b"),
        _ => json("1"),
    });
    let answer = one(gather([server.url("/a")]).threads(1));
    let asked: Vec<_> = answer.tries.iter().map(|it| (it.url.path_and_query(), it.failure)).collect();
    assert_eq!(asked, [("/a", None), ("/a", None), ("/b", None)]);
    assert_eq!(answer.tries.iter().map(|it| it.timings.total).sum::<Duration>(), answer.spent);
    assert_eq!(answer.tries.last().map(|it| it.timings), answer.timings);
    assert!(answer.backed_off >= Duration::from_millis(1), "{:?}", answer.backed_off);

    let refused = ask("http://10.0.0.1/");
    assert!(refused.backed_off.is_zero() && refused.tries.len() <= 1, "{:?}", refused.tries);
}

#[test]
fn an_origin_that_asks_for_rest_rests() {
    let server = in_turn(&[&reply("429 Slow down", "Retry-After: 1\r\n", "")]);
    let urls = [server.url("/1"), server.url("/2")];
    let answers: Vec<_> = gather(urls).per_host(1).start().unwrap().collect();
    assert!(answers.iter().all(|answer| answer.is_ok()));
    assert_eq!(server.asked(), ["GET /1", "GET /1", "GET /2"]);
    let seen = server.seen();
    assert!(seen[1].at - seen[0].at >= Duration::from_secs(1));
    assert!(answers[0].tries.len() == 2 && answers[0].backed_off >= Duration::from_secs(1));
}

#[test]
fn also_where_the_call_itself_is_over() {
    let server = in_turn(&[&reply("503 Busy", "Retry-After: 1\r\n", "")]);
    let urls = [server.url("/1"), server.url("/2")];
    let gather = gather(urls).per_host(1).retries(0).in_order(true);
    let told: Vec<String> = gather.start().unwrap().map(|answer| told(&answer)).collect();
    assert_eq!(told, ["503 ", "200 "]);
    let seen = server.seen();
    assert!(seen[1].at - seen[0].at >= Duration::from_secs(1));
}
