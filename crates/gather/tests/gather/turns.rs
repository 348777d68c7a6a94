//! Who is asked when: bounds, order, pace, and hosts that do not hold each other up.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::{Barrier, Semaphore};

use crate::support::{Reply, Server, gather, json, reply, told};

fn ok() -> String {
    reply("200 OK", "", "ok")
}

#[test]
fn answers_come_as_they_arrive() {
    let late = Arc::new(Semaphore::new(0));
    let permits = Arc::clone(&late);
    let server = Server::new(move |seen| match seen.target.as_str() {
        "/1" => Reply::For(Arc::clone(&permits), ok()),
        _ => Reply::Now(ok()),
    });
    let mut answers = gather((1..=3).map({
        let server = server.clone();
        move |i| server.url(&format!("/{i}"))
    }))
    .start()
    .unwrap();
    let mut early: Vec<u64> = answers.by_ref().take(2).map(|answer| answer.n).collect();
    early.sort_unstable();
    assert_eq!(early, [2, 3]);
    late.add_permits(1);
    let last = answers.next().unwrap();
    assert_eq!((last.n, last.text().as_ref(), answers.next().is_none()), (1, "ok", true));
}

#[test]
fn or_in_the_order_of_the_questions() {
    // Each is answered when the one behind it was.
    let gates: Vec<_> = (0..=5).map(|i| Arc::new(Semaphore::new(usize::from(i == 5)))).collect();
    let server = Server::new(move |seen| {
        let i: usize = seen.target[1..].parse().unwrap();
        if i > 0 {
            gates[i - 1].add_permits(1);
        }
        Reply::For(Arc::clone(&gates[i]), ok())
    });
    let urls: Vec<String> = (0..=5).map(|i| server.url(&format!("/{i}"))).collect();
    let order: Vec<u64> = gather(urls).in_order(true).start().unwrap().map(|answer| answer.n).collect();
    assert_eq!(order, [1, 2, 3, 4, 5, 6]);
}

#[test]
fn so_many_at_one_host_and_so_many_in_all() {
    for (per_host, concurrency, at_once) in [(3, 100, 3), (100, 4, 4), (1, 1, 1)] {
        // Nobody is answered before so many have come; more at once would be seen.
        let barrier = Arc::new(Barrier::new(at_once));
        let server = Server::new(move |_| Reply::Together(Arc::clone(&barrier), ok()));
        let urls: Vec<String> = (0..at_once * 5).map(|i| server.url(&format!("/{i}"))).collect();
        let gather = gather(urls).per_host(per_host).concurrency(concurrency);
        assert_eq!(gather.start().unwrap().filter(|answer| answer.is_ok()).count(), at_once * 5);
        assert_eq!(server.most(), at_once);
    }
}

#[test]
fn a_host_that_is_slow_holds_up_no_other() {
    let slow = Server::new(|_| Reply::Never);
    let fast = Server::new(|_| json("1"));
    let mut urls: Vec<String> = (0..500).map(|i| slow.url(&format!("/{i}"))).collect();
    urls.extend((0..50).map(|i| fast.url(&format!("/{i}"))));
    let answers = gather(urls).per_host(2).concurrency(4).start().unwrap();
    let numbers: Vec<u64> = answers.take(50).map(|answer| answer.n).collect();
    assert!(numbers.iter().all(|n| *n > 500), "{numbers:?}");
    assert_eq!(slow.most(), 2);
}

#[test]
fn starts_are_spread_over_time_and_hosts() {
    let servers = [Server::new(|_| json("1")), Server::new(|_| json("1"))];
    let urls: Vec<String> = (0..6).map(|i| servers[i % 2].url("/")).collect();
    let began = Instant::now();
    assert_eq!(gather(urls).rate("20/s".parse().unwrap()).start().unwrap().count(), 6);
    let last = servers.iter().flat_map(Server::seen).map(|seen| seen.at).max().unwrap();
    // Five intervals of 50 ms, less what a late timer may make up for.
    assert!(last - began >= Duration::from_millis(245), "{:?}", last - began);
}

#[test]
fn a_wait_holds_no_slot() {
    let server = Server::new(|seen| match (seen.target.as_str(), seen.nth) {
        ("/busy", 1) => Reply::Now(reply("500 Oops", "Connection: close\r\n", "")),
        _ => json("1"),
    });
    let other = Server::new(|_| json("1"));
    let first = std::sync::Mutex::new(true);
    let busy = Server::new(move |_| {
        if std::mem::take(&mut *first.lock().unwrap()) {
            Reply::Now(reply("503 Busy", "Retry-After: 1\r\n", ""))
        } else {
            json("1")
        }
    });
    let urls = [busy.url("/"), other.url("/"), server.url("/")];
    let numbers: Vec<u64> = gather(urls).concurrency(1).start().unwrap().map(|answer| answer.n).collect();
    assert_eq!(numbers, [2, 3, 1], "the others go while the first waits");
}

#[test]
fn a_slow_consumer_stops_new_questions() {
    const AHEAD: u64 = 256;
    for in_order in [false, true] {
        let server = Server::new(|_| json("1"));
        let url = server.url("/");
        let calls = std::iter::repeat_with(move || url.clone());
        let mut answers = gather(calls).concurrency(8).in_order(in_order).start().unwrap();
        let settled = |answered| {
            while answers.progress().answered < answered {
                std::thread::yield_now();
            }
        };
        settled(8 + AHEAD);
        assert_eq!(server.seen().len() as u64, 8 + AHEAD, "nobody takes, so nobody asks");
        assert!(answers.next().is_some());
        while answers.progress().answered < 9 + AHEAD {
            std::thread::yield_now();
        }
        assert_eq!(server.seen().len() as u64, 9 + AHEAD, "one taken, one more asked");
        assert_eq!(answers.progress().total, None);
    }
}

/// Bytes of a large body, and how many of them may lie there untaken.
const BODY: usize = 4 << 20;
const ROOM: u64 = (64 << 20) / BODY as u64;

#[test]
fn large_bodies_wait_until_others_are_taken() {
    let text = Arc::new(reply("200 OK", "", &"x".repeat(BODY)));
    let server = Server::new(move |_| Reply::Now(String::clone(&text)));
    let many = ROOM + 8;
    let urls: Vec<String> = (0..many).map(|i| server.url(&format!("/{i}"))).collect();
    let mut answers = gather(urls).start().unwrap();
    loop {
        let progress = answers.progress();
        if progress.answered >= ROOM && progress.bytes == many * BODY as u64 {
            break;
        }
        std::thread::yield_now();
    }
    // Nothing tells that nothing happens; one more would be there by then.
    for _ in 0..1_000_000 {
        std::thread::yield_now();
    }
    assert_eq!(answers.progress().answered, ROOM, "all have come, and some wait");
    let mut taken = 0;
    while let Some(answer) = answers.next() {
        taken += 1;
        assert!(answer.is_ok() && answer.body.len() == BODY, "{}", told(&answer));
        assert!(answers.progress().answered <= ROOM + taken);
    }
    assert_eq!(taken, many);
}

#[test]
fn in_order_as_many_are_asked_as_there_is_room_for() {
    let gate = Arc::new(Semaphore::new(0));
    let permits = Arc::clone(&gate);
    let text = Arc::new(reply("200 OK", "", &"x".repeat(BODY)));
    let server = Server::new(move |seen| match seen.target.as_str() {
        "/2" => Reply::For(Arc::clone(&permits), String::clone(&text)),
        _ => Reply::Now(String::clone(&text)),
    });
    let (sender, urls) = std::sync::mpsc::channel();
    let send = |n: u64| sender.send(server.url(&format!("/{n}"))).unwrap();
    // On connections of their own: one that says nothing for long is asked for no second time.
    let mut answers = gather(urls).per_host(200).in_order(true).fresh(true).start().unwrap();
    send(1);
    assert!(answers.next().unwrap().is_ok(), "so large are they");
    let many = 3 * ROOM;
    (2..=many).for_each(send);
    drop(sender);
    while answers.progress().answered < ROOM {
        std::thread::yield_now();
    }
    // Nothing tells that nothing happens; others would be there by then.
    for _ in 0..1_000_000 {
        std::thread::yield_now();
    }
    assert_eq!((server.seen().len() as u64, answers.progress().answered), (1 + ROOM, ROOM));
    gate.add_permits(1);
    let numbers: Vec<u64> = answers.filter(|answer| answer.is_ok()).map(|answer| answer.n).collect();
    assert_eq!(numbers, (2..=many).collect::<Vec<_>>());
}

#[test]
fn but_not_for_one_that_comes_after_them() {
    // The first is answered when so many others are there that none of them would make room for it.
    let gate = Arc::new(Semaphore::new(0));
    let permits = Arc::clone(&gate);
    let text = Arc::new(reply("200 OK", "", &"x".repeat(BODY)));
    let server = Server::new(move |seen| match seen.target.as_str() {
        "/0" => Reply::For(Arc::clone(&permits), String::clone(&text)),
        _ => Reply::Now(String::clone(&text)),
    });
    let many = 2 * ROOM + 1;
    let urls: Vec<String> = (0..many).map(|i| server.url(&format!("/{i}"))).collect();
    let answers = gather(urls).per_host(64).retries(0).in_order(true).start().unwrap();
    while answers.progress().bytes < (many - 1) * BODY as u64 {
        std::thread::yield_now();
    }
    gate.add_permits(1);
    assert_eq!(answers.filter(|answer| answer.is_ok()).count() as u64, many);
}

/// Answers the first request on a connection, and never a second: what a shared session waits for in vain.
#[test]
fn a_server_that_stalls_on_kept_connections() {
    let server = Server::new(|seen| if seen.nth == 1 { json("1") } else { Reply::Never });
    let urls: Vec<String> = (0..10).map(|i| server.url(&format!("/{i}"))).collect();
    let answers: Vec<_> = gather(urls).per_host(5).retries(0).start().unwrap().collect();
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 10);
    let given_up = answers.iter().filter(|answer| answer.timings.unwrap().given_up.is_some()).count();
    assert!(given_up > 0, "the answers tell it");
}
