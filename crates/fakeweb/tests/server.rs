//! The server as a server: connections, methods, hosts, scripts, gates, and the log of it all.

#![allow(clippy::unwrap_used, reason = "in a test it is a failure with a line number")]

mod client;

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    thread,
    time::Duration,
};

use client::{exchange, get, read_answer};
use dragline_fakeweb::{Faults, Gate, Method, Script, Step, Web, WebSpec};

fn start() -> Web {
    WebSpec { hosts: 3, ..WebSpec::default() }.start().unwrap()
}

fn connect(web: &Web) -> TcpStream {
    TcpStream::connect(web.addr()).unwrap()
}

/// Reads exactly what is expected, or fails showing what came.
#[track_caller]
fn expect(stream: &mut TcpStream, expected: &str) {
    let mut received = vec![0; expected.len()];
    let result = stream.read_exact(&mut received);
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(String::from_utf8_lossy(&received), expected);
}

#[test]
fn requests_that_come_together_are_answered_in_order_on_one_connection() {
    let web = start();
    let urls: Vec<_> = (0..50).map(|page| web.url(page % 3, page)).collect();
    let bytes = exchange(web.addr(), urls.iter().map(|url| get(url)).collect::<String>());
    let mut rest = &bytes[..];
    for url in &urls {
        let answer = read_answer(rest, true).unwrap();
        let alone = exchange(web.addr(), get(url));
        assert_eq!(&rest[..answer.end], alone, "{url}");
        rest = &rest[answer.end..];
    }
    assert!(rest.is_empty());
    let log = web.log();
    assert_eq!(log.len(), 100);
    for (nth, (served, url)) in log.iter().filter(|served| served.connection == 0).zip(&urls).enumerate() {
        assert_eq!(format!("http://{}{}", served.host, served.path), *url);
        assert_eq!((served.nth as usize, served.status, served.method), (nth + 1, Some(200), Method::Get));
        assert!(served.ended.unwrap() >= served.arrived);
    }
    assert!(log.windows(2).all(|pair| pair[0].arrived <= pair[1].arrived));
}

#[test]
fn a_request_may_come_in_pieces() {
    let web = start();
    let request = get(&web.url(1, 5));
    let whole = exchange(web.addr(), &request);
    let mut stream = connect(&web);
    stream.set_nodelay(true).unwrap();
    for byte in request.as_bytes() {
        stream.write_all(&[*byte]).unwrap();
    }
    let mut received = vec![0; whole.len()];
    stream.read_exact(&mut received).unwrap();
    assert_eq!(received, whole);
}

#[test]
fn head_has_the_fields_of_get_and_no_body() {
    let faults =
        Faults { chunked: 0.1, big: 0.1, gzip: 0.1, short_body: 0.1, redirect: 0.1, ..Faults::default() };
    let web = WebSpec { faults, ..WebSpec::default() }.start().unwrap();
    for page in 0..100 {
        let get = get(&web.url(0, page));
        let head = exchange(web.addr(), get.replacen("GET", "HEAD", 1));
        let answer = read_answer(&exchange(web.addr(), &get), true).unwrap();
        assert_eq!(String::from_utf8(head).unwrap(), answer.head, "{get}");
    }
}

#[test]
fn hosts_paths_and_methods_that_are_not_there() {
    let web = start();
    let url = web.url(1, 3);
    let path = url.trim_start_matches("http://h001.fakeweb.test");
    for (request, status) in [
        (format!("GET {path} HTTP/1.1\r\nHost: h001.fakeweb.test\r\n\r\n"), 200),
        (format!("GET {path} HTTP/1.1\r\nHost: H001.FAKEWEB.test:8080\r\n\r\n"), 200),
        (format!("GET {url} HTTP/1.1\r\nHost: proxy\r\n\r\n"), 200),
        (format!("GET {path} HTTP/1.1\r\nHost: h002.fakeweb.test\r\n\r\n"), 404),
        (format!("GET {path} HTTP/1.1\r\nHost: h003.fakeweb.test\r\n\r\n"), 404),
        (format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", web.addr()), 404),
        (format!("GET {path} HTTP/1.0\r\n\r\n"), 404),
        (format!("GET {path}?x HTTP/1.1\r\nHost: h001.fakeweb.test\r\n\r\n"), 404),
        (format!("DELETE {path} HTTP/1.1\r\nHost: h001.fakeweb.test\r\n\r\n"), 405),
        ("OPTIONS * HTTP/1.1\r\nHost: h001.fakeweb.test\r\n\r\n".into(), 405),
        ("CONNECT h001.fakeweb.test:443 HTTP/1.1\r\nHost: h001.fakeweb.test\r\n\r\n".into(), 405),
        (format!("GET {path} HTTP/1.1\r\n\r\n"), 400),
        ("hello\r\n\r\n".into(), 400),
    ] {
        let bytes = exchange(web.addr(), &request);
        assert_eq!(read_answer(&bytes, true).unwrap().status, status, "{request}");
    }
    assert_eq!(web.requests(), 11);
}

#[test]
fn a_body_is_passed_over() {
    let web = start();
    let post = "POST / HTTP/1.1\r\nHost: h000.fakeweb.test\r\nContent-Length: 26\r\n\r\nGET /nothing HTTP/1.1\r\n\r\n_";
    let bytes = exchange(web.addr(), format!("{post}{}", get(&web.url(0, 1))));
    let first = read_answer(&bytes, true).unwrap();
    let second = read_answer(&bytes[first.end..], true).unwrap();
    assert_eq!((first.status, second.status), (405, 200));
    assert_eq!(first.end + second.end, bytes.len());
}

#[test]
fn the_client_decides_whether_the_connection_is_kept() {
    let web = start();
    let old = |fields: &str| format!("GET / HTTP/1.0\r\nHost: h000.fakeweb.test\r\n{fields}\r\n");
    for (request, said, kept) in [
        (get(&web.url(0, 0)), None, true),
        (get(&web.url(0, 0)).replace("User-Agent: naive", "Connection: close"), Some("close"), false),
        (old(""), Some("close"), false),
        (old("Connection: keep-alive\r\n"), Some("keep-alive"), true),
    ] {
        web.clear_log();
        let bytes = exchange(web.addr(), request.repeat(2));
        let answer = read_answer(&bytes, true).unwrap();
        assert_eq!(answer.field("connection"), said, "{request}");
        assert_eq!(web.requests(), if kept { 2 } else { 1 }, "{request}");
    }
}

#[test]
fn threads_share_the_connections() {
    let web = WebSpec { threads: 3, ..WebSpec::default() }.start().unwrap();
    let mut streams: Vec<_> = (0..9).map(|_| connect(&web)).collect();
    for stream in &mut streams {
        stream.write_all(get(&web.url(0, 0)).as_bytes()).unwrap();
        expect(stream, "HTTP/1.1 200 OK\r\n");
    }
    assert_eq!(web.requests(), 9);
    let mut connections: Vec<_> = web.log().iter().map(|served| served.connection).collect();
    connections.sort_unstable();
    assert_eq!(connections, Vec::from_iter(0..9));
}

#[test]
fn a_web_that_is_dropped_is_gone() {
    let web = WebSpec { threads: 2, ..WebSpec::default() }
        .script("*", "/hang", Script::new([Step::Hang]))
        .script("*", "/gate", Script::new([Step::Wait(Gate::new())]))
        .start()
        .unwrap();
    let addr = web.addr();
    let mut streams: Vec<_> = ["/hang", "/gate", "/"]
        .iter()
        .map(|path| {
            let mut stream = connect(&web);
            stream.write_all(get(&format!("http://a{path}")).as_bytes()).unwrap();
            stream
        })
        .collect();
    drop(web);
    for stream in &mut streams {
        // The end, in order or not: what matters is that nobody is left waiting.
        let _ = stream.read_to_end(&mut Vec::new());
    }
    assert_eq!(TcpStream::connect(addr).unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn a_script_says_exactly_its_bytes_and_counts_its_requests() {
    let odd = "HTTP/1.1 200 Fine\nX: 1\n\nhello";
    let web = WebSpec::default()
        .script("odd.test", "/x?y=1", Script::respond(odd).then([Step::answer("410 Gone", &[], "bye")]))
        .start()
        .unwrap();
    let mut stream = connect(&web);
    let request = get("http://odd.test:81/x?y=1");
    stream.write_all(request.as_bytes()).unwrap();
    expect(&mut stream, odd);
    for _ in 0..2 {
        stream.write_all(request.as_bytes()).unwrap();
        expect(&mut stream, "HTTP/1.1 410 Gone\r\nContent-Length: 3\r\n\r\nbye");
    }
    let log = web.log();
    let seen: Vec<_> = log.iter().map(|s| (s.host.as_str(), s.path.as_str(), s.status, s.nth)).collect();
    let at = |status, nth| ("odd.test", "/x?y=1", Some(status), nth);
    assert_eq!(seen, [at(200, 1), at(410, 2), at(410, 3)]);
    assert_eq!(log[0].head.as_deref(), Some(request.as_bytes()));
    web.rewind();
    stream.write_all(request.as_bytes()).unwrap();
    expect(&mut stream, odd);
}

#[test]
fn a_script_goes_before_a_page_and_can_be_changed_while_it_runs() {
    let web = start();
    web.script("H000.fakeweb.test", "/", Script::html("one"));
    let text = || read_answer(&exchange(web.addr(), get(&web.url(0, 0))), true).unwrap().text();
    assert_eq!(text(), "one");
    web.script("h000.fakeweb.test", "/", Script::html("two"));
    assert_eq!(text(), "two");
    web.script("*", "*", Script::html("any"));
    assert_eq!(text(), "two");
    let answer = read_answer(&exchange(web.addr(), get("http://127.0.0.1/what")), true).unwrap();
    assert_eq!(answer.text(), "any");
}

#[test]
fn a_gate_holds_an_answer_until_the_test_opens_it() {
    let gate = Gate::new();
    let steps =
        [Step::respond("HTTP/1.1 200 OK\r\n"), Step::Wait(gate.clone()), Step::respond("\r\n"), Step::Close];
    let web = WebSpec::default().script("*", "/", Script::new(steps)).start().unwrap();
    let addr = web.addr();
    let clients: Vec<_> = (0..3).map(|_| thread::spawn(move || exchange(addr, get("http://a/")))).collect();
    gate.reached_blocking(3);
    // All three are in the log, none of them is done.
    assert_eq!(web.requests(), 3);
    assert!(web.log().iter().all(|served| served.ended.is_none() && served.status == Some(200)));
    gate.open();
    for client in clients {
        assert_eq!(client.join().unwrap(), b"HTTP/1.1 200 OK\r\n\r\n");
    }
    assert!(web.log().iter().all(|served| served.ended.is_some()));
}

#[test]
fn a_script_can_wait_drip_repeat_and_cut() {
    let ms = Duration::from_millis;
    let head = "HTTP/1.1 200 OK\r\n";
    let web = WebSpec::default()
        .script("*", "/delay", Script::new([Step::Delay(ms(15)), Step::respond(head)]))
        .script("*", "/drip", Script::new([Step::Drip { bytes: "HTTP/1.1 200".into(), every: ms(1) }]))
        .script(
            "*",
            "/repeat",
            Script::new([Step::respond(head), Step::Repeat("X: y\r\n".into(), Some(50_000))]),
        )
        .script("*", "/cut", Script::new([Step::respond(&head[..9]), Step::Close, Step::respond("never")]))
        .script("*", "/reset", Script::new([Step::Reset]))
        .start()
        .unwrap();
    let ask = |path: &str| {
        web.clear_log();
        let bytes = exchange(web.addr(), get(&format!("http://a{path}")));
        let served = web.log().remove(0);
        (String::from_utf8(bytes).unwrap(), served.ended.unwrap() - served.arrived)
    };
    let (text, time) = ask("/delay");
    assert!(text == head && time >= ms(15), "{text:?} {time:?}");
    let (text, time) = ask("/drip");
    assert!(text == "HTTP/1.1 200" && time >= ms(12), "{text:?} {time:?}");
    assert_eq!(ask("/repeat").0.len(), head.len() + 50_000 * 6);
    assert_eq!(ask("/cut").0, "HTTP/1.1 ");
    assert_eq!(ask("/reset").0, "");
}

#[test]
fn heads_are_kept_where_that_is_asked_for() {
    for keep_heads in [false, true] {
        let web = WebSpec { keep_heads, ..WebSpec::default() }.start().unwrap();
        let request = get(&web.url(0, 0));
        exchange(web.addr(), &request);
        assert_eq!(web.log()[0].head.as_deref(), keep_heads.then_some(request.as_bytes()));
    }
    let web = WebSpec { keep_log: false, ..WebSpec::default() }.start().unwrap();
    exchange(web.addr(), get(&web.url(0, 0)));
    assert_eq!((web.requests(), web.log().len()), (1, 0));
}
