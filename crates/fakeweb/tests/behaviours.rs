//! Each behaviour as it looks on the wire.

#![allow(clippy::unwrap_used, reason = "in a test it is a failure with a line number")]

mod client;

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::Duration,
};

use client::{ANSWER_BYTES_MAX, Answer, exchange, get, links, read_answer};
use dragline_fakeweb::{Faults, Web, WebSpec};

/// Starts a host of twenty pages of which eight have a fault, and returns what they all send.
fn pages(faults: Faults) -> (Web, Vec<Vec<u8>>) {
    let web = WebSpec { hosts: 1, pages_per_host: 20, big_bytes: 1 << 20, faults, ..WebSpec::default() };
    let web = WebSpec { slow_delay: Duration::from_millis(20), page_bytes: 4_000, ..web }.start().unwrap();
    let answers = (0..20).map(|page| exchange(web.addr(), get(&web.url(0, page)))).collect();
    (web, answers)
}

/// Asserts that eight of twenty answers, and not the first, are as they should be.
#[track_caller]
fn eight(faults: Faults, as_it_should_be: impl Fn(&Answer, &[u8]) -> bool) {
    let (_web, pages) = pages(faults);
    let hits: Vec<bool> = pages
        .iter()
        .map(|bytes| read_answer(bytes, true).is_some_and(|answer| as_it_should_be(&answer, bytes)))
        .collect();
    assert_eq!(hits.iter().filter(|hit| **hit).count(), 8, "{hits:?}");
    assert!(!hits[0]);
}

fn whole(answer: &Answer) -> bool {
    answer.status == 200 && answer.defect.is_none() && answer.text().ends_with("</html>\n")
}

#[test]
fn errors() {
    eight(Faults { not_found: 0.4, ..Faults::default() }, |a, _| a.status == 404);
    eight(Faults { gone: 0.4, ..Faults::default() }, |a, _| a.status == 410);
    eight(Faults { server_error: 0.4, ..Faults::default() }, |a, _| a.status == 500);
    eight(Faults { busy: 0.4, ..Faults::default() }, |a, _| a.status == 503);
    eight(Faults { throttled: 0.4, ..Faults::default() }, |a, _| {
        a.status == 429 && a.field("retry-after") == Some("1")
    });
}

#[test]
fn bodies_in_order_but_odd() {
    eight(Faults { chunked: 0.4, ..Faults::default() }, |a, _| {
        whole(a) && a.field("transfer-encoding") == Some("chunked")
    });
    eight(Faults { close_delimited: 0.4, ..Faults::default() }, |a, _| {
        whole(a) && !a.head.contains("Content-Length") && a.field("connection") == Some("close")
    });
    eight(Faults { gzip: 0.4, ..Faults::default() }, |a, _| {
        whole(a) && a.field("content-encoding") == Some("gzip") && a.body.len() < a.text().len() * 2 / 3
    });
    eight(Faults { big: 0.4, ..Faults::default() }, |a, _| {
        a.status == 200 && a.defect.is_none() && a.body.len() > 1 << 20
    });
}

#[test]
fn bodies_that_are_too_much() {
    eight(Faults { endless: 0.4, ..Faults::default() }, |a, bytes| {
        bytes.len() == ANSWER_BYTES_MAX && a.defect == Some("endless") && a.body.len() > ANSWER_BYTES_MAX / 2
    });
    eight(Faults { many_links: 0.4, ..Faults::default() }, |a, _| {
        a.text().matches("</a>").count() == 10_000 && whole(a)
    });
    eight(Faults { deep: 0.4, ..Faults::default() }, |a, _| {
        let text = a.text();
        a.defect.is_none() && text.matches("<div>").count() == 1_000_000 && !text.contains("</div>")
    });
}

#[test]
fn bodies_that_are_cut() {
    eight(Faults { short_body: 0.4, ..Faults::default() }, |a, _| {
        a.defect == Some("truncated") && a.head.contains("Content-Length")
    });
    eight(Faults { cut_chunked: 0.4, ..Faults::default() }, |a, _| {
        a.defect == Some("truncated") && a.head.contains("chunked") && !a.body.is_empty()
    });
}

#[test]
fn answers_that_are_none() {
    let (_, answers) = pages(Faults { malformed_head: 0.4, ..Faults::default() });
    let malformed = answers.iter().filter(|bytes| !bytes.is_empty() && read_answer(bytes, true).is_none());
    assert_eq!(malformed.count(), 8);
    for faults in [Faults { closed: 0.4, ..Faults::default() }, Faults { reset: 0.4, ..Faults::default() }] {
        let (web, answers) = pages(faults);
        assert_eq!(answers.iter().filter(|bytes| bytes.is_empty()).count(), 8);
        let unanswered: Vec<_> = web.log().into_iter().filter(|served| served.status.is_none()).collect();
        assert_eq!(unanswered.len(), 8);
        assert!(unanswered.iter().all(|served| served.ended.is_some()));
    }
}

#[test]
fn a_reset_is_no_orderly_end() {
    let web =
        WebSpec { faults: Faults { reset: 0.4, ..Faults::default() }, ..WebSpec::default() }.start().unwrap();
    let truth = web.truth(&web.seeds());
    let (url, _) = truth.iter().find(|(_, e)| matches!(e, dragline_fakeweb::Expect::Failure(_))).unwrap();
    let mut stream = TcpStream::connect(web.addr()).unwrap();
    stream.write_all(get(url).as_bytes()).unwrap();
    assert_eq!(stream.read(&mut [0; 9]).unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[test]
fn a_page_that_hangs_keeps_its_connection_open() {
    let (web, answers) = pages(Faults { hang: 0.4, ..Faults::default() });
    assert_eq!(answers.iter().filter(|bytes| bytes.is_empty()).count(), 8);
    let hanging = web.log().into_iter().find(|served| served.status.is_none()).unwrap();
    assert_eq!(hanging.ended, None);
    let mut stream = TcpStream::connect(web.addr()).unwrap();
    stream.write_all(get(&format!("http://{}{}", hanging.host, hanging.path)).as_bytes()).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let error = stream.read(&mut [0; 9]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
}

#[test]
fn a_slow_page_takes_its_time() {
    let (web, answers) = pages(Faults { slow: 0.4, ..Faults::default() });
    assert!(answers.iter().all(|bytes| whole(&read_answer(bytes, true).unwrap())));
    let slow = web.log().into_iter().filter(|s| s.ended.unwrap() - s.arrived >= Duration::from_millis(20));
    assert!(slow.count() >= 8);
}

#[test]
fn latency_is_before_every_answer() {
    let latency = Duration::from_millis(10);
    let web = WebSpec { latency, ..WebSpec::default() }.start().unwrap();
    let three = get(&web.url(0, 1)).repeat(3);
    exchange(web.addr(), three);
    let log = web.log();
    assert_eq!(log.len(), 3);
    assert!(log.iter().all(|served| served.ended.unwrap() - served.arrived >= latency));
}

#[test]
fn malformed_html_has_its_links_and_no_others() {
    let faults = Faults { malformed_html: 1.0, ..Faults::default() };
    let web = WebSpec { hosts: 2, pages_per_host: 50, faults, ..WebSpec::default() }.start().unwrap();
    let mut kinds = String::new();
    for page in 1..50 {
        let url = web.url(0, page);
        let answer = read_answer(&exchange(web.addr(), get(&url)), true).unwrap();
        let links = links(&answer.text(), &url);
        assert_eq!(links.len(), 20, "{url}");
        assert!(links.iter().all(|link| !link.contains("decoy")));
        assert!(answer.text().contains("/decoy/comment"));
        kinds += answer.field("content-type").unwrap();
        kinds += &answer.text();
    }
    for kind in ["iso-8859-1", "x-no-such-thing", "utf-16", "\0", "<P>", "</a href=", "CDATA", "</b></a></i>"]
    {
        assert!(kinds.contains(kind), "{kind:?}");
    }
}

#[test]
fn robots_and_private_pages() {
    let faults = Faults { private: 0.2, ..Faults::default() };
    for (share, status) in [(0.0, 404), (1.0, 200)] {
        let web = WebSpec { faults: faults.clone(), robots: share, ..WebSpec::default() }.start().unwrap();
        let robots = exchange(web.addr(), get("http://h001.fakeweb.test/robots.txt"));
        let answer = read_answer(&robots, true).unwrap();
        assert_eq!(answer.status, status);
        assert_eq!(answer.text().contains("Disallow: /private/"), share == 1.0);
        let private: Vec<_> =
            (0..100).map(|page| web.url(1, page)).filter(|u| u.contains("/private/")).collect();
        assert_eq!(private.len(), 20);
        let answer = read_answer(&exchange(web.addr(), get(&private[0])), true).unwrap();
        assert!(whole(&answer), "a crawler that does not obey gets it");
    }
}
