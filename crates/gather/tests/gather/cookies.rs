//! Cookies of a call, and of all calls.

use dragline_cookies::Jar;
use dragline_gather::Call;

use crate::support::{Reply, Server, gather, json, reply};

fn server() -> Server {
    Server::new(|seen| match seen.target.as_str() {
        "/login" => Reply::Now(reply("302 Found", "Location: /home\r\nSet-Cookie: sid=1; Path=/\r\n", "")),
        _ => json("1"),
    })
}

/// What `/home` and then `/other` were sent.
fn sent(server: &Server) -> [Option<String>; 2] {
    ["/home", "/other"].map(|target| {
        let seen = server.seen().into_iter().find(|seen| seen.target == target).unwrap();
        seen.field("cookie").map(str::to_owned)
    })
}

#[test]
fn a_call_has_a_jar_of_its_own_through_its_redirects() {
    let server = server();
    let urls = [server.url("/login"), server.url("/other")];
    assert_eq!(gather(urls).concurrency(1).start().unwrap().count(), 2);
    assert_eq!(sent(&server), [Some("sid=1".to_owned()), None]);
}

#[test]
fn or_all_have_one() {
    let server = server();
    let jar = Jar::default();
    let urls = [server.url("/login"), server.url("/other")];
    // The redirect goes on before the next call begins: it was asked first.
    let gather = gather(urls).concurrency(1).in_order(true).cookies(jar.clone());
    assert_eq!(gather.start().unwrap().count(), 2);
    assert_eq!(sent(&server), [Some("sid=1".to_owned()), Some("sid=1".to_owned())]);
    assert_eq!(jar.len(), 1);
}

#[test]
fn a_cookie_goes_to_no_other_port() {
    let other = Server::new(|_| json("1"));
    let to = other.url("/");
    let home = Server::new(move |_| {
        Reply::Now(reply("302 Found", &format!("Location: {to}\r\nSet-Cookie: sid=1\r\n"), ""))
    });
    let call = Call::get(&home.url("/")).unwrap().header("Cookie", "own=1");
    assert_eq!(gather([call]).start().unwrap().count(), 1);
    assert_eq!(home.seen()[0].field("cookie"), Some("own=1"));
    assert_eq!(other.seen()[0].field("cookie"), None);
}
