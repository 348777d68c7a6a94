//! Ends: wished for, forced, and those of a source.

use std::sync::{Arc, Mutex, mpsc};

use dragline_gather::Call;
use dragline_model::FailureKind;
use tokio::sync::Semaphore;

use crate::support::{Reply, Server, gather, json, reply, told};

#[test]
fn stopped_from_elsewhere() {
    let server = Server::new(|seen| if seen.target == "/1" { json("1") } else { Reply::Never });
    let urls: Vec<String> = (1..=100).map(|i| server.url(&format!("/{i}"))).collect();
    let mut answers = gather(urls).start().unwrap();
    let handle = answers.handle();
    assert_eq!(answers.next().unwrap().n, 1);
    std::thread::spawn(move || {
        while handle.progress().out < 32 {
            std::thread::yield_now();
        }
        handle.stop();
    });
    assert!(answers.next().is_none(), "what is out is dropped");
    let progress = answers.progress();
    assert_eq!((progress.answered, progress.failed, progress.total), (1, 0, Some(100)));
}

#[test]
fn dropped_while_everything_is_out() {
    let server = Server::new(|_| Reply::Never);
    let urls: Vec<String> = (0..200).map(|i| server.url(&format!("/{i}"))).collect();
    let answers = gather(urls).per_host(200).start().unwrap();
    server.wait_for(200);
    drop(answers);
    // The threads are gone, and with them whoever could have asked again.
    assert_eq!(server.seen().len(), 200);
}

#[test]
fn dropped_before_the_first_answer_and_in_the_middle() {
    let server = Server::new(|_| json("1"));
    for take in [0, 1, 10] {
        let url = server.url("/");
        let answers = gather(std::iter::repeat_with(move || url.clone())).start().unwrap();
        assert_eq!(answers.take(take).count(), take);
    }
}

#[test]
fn the_first_failure_is_the_last() {
    let gate = Arc::new(Semaphore::new(0));
    let permits = Arc::clone(&gate);
    let server = Server::new(move |seen| match seen.target.as_str() {
        "/bad" => Reply::For(Arc::clone(&permits), reply("404 No", "", "")),
        "/good" => {
            permits.add_permits(1);
            json("1")
        }
        _ => Reply::Never,
    });
    for in_order in [false, true] {
        let urls = [server.url("/slow"), server.url("/bad"), server.url("/good")];
        let answers = gather(urls).fail_fast(true).in_order(in_order).start().unwrap();
        let told: Vec<(u64, bool)> = answers.map(|answer| (answer.n, answer.is_ok())).collect();
        assert!(told.contains(&(2, false)) && !told.iter().any(|(n, _)| *n == 1), "{told:?}");
    }
}

#[test]
fn a_source_that_waits_is_not_waited_for() {
    let server = Server::new(|_| json("1"));
    let (sender, receiver) = mpsc::channel::<String>();
    let mut answers = gather(receiver).start().unwrap();
    for n in 1..=3 {
        sender.send(server.url("/")).unwrap();
        assert_eq!(answers.next().unwrap().n, n, "asked as soon as it is there");
    }
    // The source still waits for more.
    drop(answers);
    drop(sender);
}

#[test]
fn a_source_that_panics_is_an_answer() {
    let server = Server::new(|_| json("1"));
    let url = server.url("/");
    let calls = (1..=5).map(move |i| if i == 4 { panic!("no more") } else { url.clone() });
    let told: Vec<String> =
        gather(calls).in_order(true).start().unwrap().map(|answer| told(&answer)).collect();
    assert_eq!(told, ["200 ", "200 ", "200 ", "panicked: the source of the calls panicked: no more"]);
}

#[test]
fn a_source_is_dropped_with_its_gathering() {
    struct Source(String, Arc<Mutex<mpsc::Sender<()>>>);
    impl Iterator for Source {
        type Item = String;
        fn next(&mut self) -> Option<String> {
            Some(self.0.clone())
        }
    }
    impl Drop for Source {
        fn drop(&mut self) {
            self.1.lock().unwrap().send(()).unwrap();
        }
    }
    let server = Server::new(|_| json("1"));
    let (sender, dropped) = mpsc::channel();
    let source = Source(server.url("/"), Arc::new(Mutex::new(sender)));
    assert_eq!(gather(source).start().unwrap().take(3).count(), 3);
    dropped.recv().unwrap();
}

#[test]
fn questions_that_cannot_be_asked_have_answers() {
    let server = Server::new(|_| json("1"));
    let long = format!("http://a.test/{}", "x".repeat(9000));
    let calls = vec![
        Call::get(&server.url("/")),
        Call::get(""),
        Call::get("example.com"),
        Call::get("ftp://a.test/"),
        Call::get("http://"),
        Call::get("http://a.test:99999/"),
        Call::get(&long),
        Call::get("http://127.0.0.1:22/"),
        Call::get("http://10.0.0.1/"),
        Call::get(&server.url("/")).map(|call| call.header("X\r\nY", "1")),
        Call::get(&server.url("/")).map(|call| call.header("X", "1\r\nHost: b")),
        Call::get(&server.url("/")).map(|call| call.header("Host", "b")),
        Call::get(&server.url("/")),
    ];
    let many = calls.len();
    let answers: Vec<_> = gather(calls).in_order(true).start().unwrap().collect();
    assert_eq!(answers.len(), many);
    for answer in &answers {
        let is_good = answer.n == 1 || answer.n as usize == many;
        assert_eq!(answer.is_ok(), is_good, "{}", told(answer));
        let kind = answer.failure.as_ref().map(|failure| failure.kind);
        assert_eq!(kind, (!is_good).then_some(FailureKind::Refused), "{}", told(answer));
        assert!(is_good || !answer.failure.as_ref().unwrap().detail.is_empty());
        assert_eq!(answer.attempts, u32::from(is_good || answer.n > 7), "{}", told(answer));
    }
    assert_eq!(answers[2].url, "example.com");
    assert_eq!(server.seen().len(), 2, "nothing of what is refused is sent");
}
