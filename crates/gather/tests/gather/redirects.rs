//! Where redirects lead, and what goes along.

use dragline_gather::{Answer, Auth, Call};

use crate::support::{Reply, Server, ask, gather, json, one, redirect, reply, told};

/// Redirects `/STATUS/…` to what follows, and answers everything else.
fn redirecting(to: &str) -> Server {
    let to = to.to_owned();
    Server::new(move |seen| match seen.target.get(1..4).and_then(|status| status.parse().ok()) {
        Some(status) => redirect(status, &format!("{to}{}", &seen.target[4..])),
        None => json("1"),
    })
}

fn call(url: &str) -> Call {
    Call::get(url)
        .unwrap()
        .header("X-Api-Key", "secret")
        .header("Cookie", "sid=secret")
        .header("Accept", "application/json")
        .header("Accept-Language", "ko")
        .header("User-Agent", "me")
        .header("Referer", "http://secret.test/")
        .auth(Auth::basic("user", "secret"))
}

/// Names of the fields that came.
fn fields(head: &str) -> Vec<&str> {
    let mut names: Vec<&str> = head.lines().skip(1).filter_map(|line| line.split(':').next()).collect();
    names.sort_unstable();
    names
}

#[test]
fn credentials_stay_at_their_origin() {
    let other = Server::new(|_| json("1"));
    let home = redirecting(&other.origin());
    for status in [301, 302, 303, 307, 308] {
        let answer = ask(call(&home.url(&format!("/{status}/x?k=ab%2Bcd%3D%3D"))));
        assert!(answer.is_ok(), "{}", told(&answer));
        assert_eq!(answer.final_url.unwrap().as_str(), other.url("/x?k=ab%2Bcd%3D%3D"));
        let hop = &answer.hops[0];
        assert_eq!((hop.status, hop.location.as_str()), (status, &*other.url("/x?k=ab%2Bcd%3D%3D")));
    }
    let seen = other.seen();
    assert_eq!(seen.len(), 5);
    for seen in seen {
        assert_eq!(
            fields(&seen.head),
            ["Accept", "Accept-Encoding", "Accept-Language", "Host", "User-Agent"]
        );
        assert!(!seen.head.contains("secret"), "{}", seen.head);
    }
    assert!(
        home.seen().iter().all(|seen| {
            seen.field("authorization").is_some() && seen.field("x-api-key") == Some("secret")
        })
    );
}

#[test]
fn and_come_back_with_it() {
    let home = Server::new(|seen| match seen.target.as_str() {
        "/end" => json("1"),
        out => redirect(302, &out[1..]),
    });
    let end = home.url("/end");
    let other = Server::new(move |_| redirect(302, &end));
    // Within the origin, away, and back again.
    let first = format!("/{}", home.url(&format!("/{}", other.url("/"))));
    let answer = ask(call(&home.url(&first)));
    assert!(answer.is_ok(), "{}", told(&answer));
    assert_eq!(answer.hops.len(), 3);
    let authorized: Vec<bool> =
        home.seen().iter().map(|seen| seen.field("authorization").is_some()).collect();
    assert_eq!(authorized, [true, true, true]);
    assert!(other.seen()[0].field("authorization").is_none());
}

#[test]
fn a_password_in_a_url_is_used_and_nowhere_shown() {
    let other = Server::new(|_| json("1"));
    let home = redirecting(&other.origin());
    let with_password = |target: &str| home.url(target).replace("http://", "http://user:secret@");
    let answer = one(gather([with_password("/302/x")]).keep_pages(true));
    assert!(answer.is_ok());
    assert_eq!(home.seen()[0].field("authorization"), Some("Basic dXNlcjpzZWNyZXQ="));
    assert_eq!(other.seen()[0].field("authorization"), None);
    let shown = format!("{answer:?} {}", answer.line().headers(true));
    assert!(!shown.contains("secret") && !shown.contains("dXNlcjpzZWNyZXQ"), "{shown}");
    assert_eq!(answer.url, home.url("/302/x"));
    let pages: Vec<(&str, u16)> =
        answer.pages.iter().map(|kept| (kept.url.as_str(), kept.page.status)).collect();
    assert_eq!(pages, [(home.url("/302/x").as_str(), 302), (other.url("/x").as_str(), 200)]);
}

#[test]
fn a_password_in_a_location_is_not_used() {
    let other = Server::new(|_| json("1"));
    let to = other.url("/x").replace("http://", "http://user:secret@");
    let home = Server::new(move |_| redirect(302, &to));
    let answer = ask(home.url("/"));
    assert_eq!(answer.hops[0].location, other.url("/x"));
    assert_eq!(other.seen()[0].field("authorization"), None);
}

#[test]
fn bodies_and_methods() {
    let other = Server::new(|_| json("1"));
    for (to, is_other) in [(String::new(), false), (other.origin(), true)] {
        for (status, want) in [(301, "GET"), (302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")] {
            let home = redirecting(&to);
            let call = Call::post(&home.url(&format!("/{status}/x"))).unwrap().json("body").unwrap();
            let before = other.seen().len();
            let answer = ask(call.header("Content-Language", "ko"));
            if is_other && want == "POST" {
                assert_eq!(answer.status, Some(status));
                let why = "a body is not sent on to another origin";
                assert!(answer.detail.as_deref().is_some_and(|detail| detail.ends_with(why)));
                assert!(!answer.is_ok() && answer.failure.is_none() && answer.hops.is_empty());
                assert_eq!(other.seen().len(), before);
                continue;
            }
            assert!(answer.is_ok(), "{status}: {}", told(&answer));
            let seen = if is_other { other.seen() } else { home.seen() }.pop().unwrap();
            assert_eq!(seen.method, want, "{status}");
            let names = fields(&seen.head);
            let speaks_of_body = names.iter().any(|name| name.starts_with("Content-"));
            assert_eq!(
                (seen.body == "\"body\"", speaks_of_body),
                (want == "POST", want == "POST"),
                "{names:?}"
            );
        }
    }
}

#[test]
fn chains_end() {
    let server = Server::new(|seen| match seen.target.as_str() {
        "/self" => redirect(302, "/self#x"),
        "/ping" => redirect(302, "/pong"),
        "/pong" => redirect(307, "/ping"),
        "/file" => redirect(302, "file:///etc/passwd"),
        "/gopher" => redirect(302, "gopher://a.test/"),
        "/private" => redirect(302, "http://10.0.0.1/"),
        "/nothing" => Reply::Now(reply("302 Found", "", "")),
        "/fresh" if seen.field("cookie").is_some() => json("1"),
        "/fresh" => Reply::Now(reply("302 Found", "Location: /fresh\r\nSet-Cookie: a=1\r\n", "")),
        long => redirect(302, &format!("{long}x")),
    });
    for (target, want, hops) in [
        ("/self", "302 redirected in a circle: http://SERVER/self was asked already", 0),
        ("/ping", "307 redirected in a circle: http://SERVER/ping was asked already", 1),
        ("/long", "302 redirected more than 10 times", 10),
        ("/file", "302 redirected to a URL of scheme \"file\", which is not followed", 0),
        ("/gopher", "302 redirected to a URL of scheme \"gopher\", which is not followed", 0),
        ("/private", "refused: 10.0.0.1 is a private address; --allow-net 10.0.0.0/8 lifts the guard", 1),
        ("/nothing", "302 ", 0),
        ("/fresh", "200 ", 1),
    ] {
        let answer = ask(server.url(target));
        let told = told(&answer).replace(&server.origin(), "http://SERVER");
        assert_eq!((told.as_str(), answer.hops.len()), (want, hops), "{target}");
        assert_eq!(answer.is_ok(), target == "/fresh");
        assert_eq!(answer.attempts, 1);
    }
    let answer = one(gather([server.url("/file")]).redirects(0));
    assert_eq!((answer.status, answer.detail.as_deref()), (Some(302), None));
    let line = answer.line().to_string();
    assert!(line.contains("\"location\":\"file:///etc/passwd\""), "{line}");
}

#[test]
fn a_hop_takes_a_place_at_its_host() {
    let other = Server::new(|_| json("1"));
    let home = redirecting(&other.origin());
    let urls: Vec<String> = (0..20).map(|i| home.url(&format!("/302/{i}"))).collect();
    let answers: Vec<Answer> = gather(urls).per_host(2).start().unwrap().collect();
    assert!(answers.len() == 20 && answers.iter().all(|answer| answer.is_ok()));
    assert!(other.most() <= 2 && home.most() <= 2);
}
