//! Paths, ends, order and replacing, as RFC 6265bis has them.

use dragline_cookies::{Jar, Refusal};

use super::{jar_with, later, lax, sent, set, url};

#[test]
fn a_path_holds_a_cookie_back() {
    for (at, field, sent_to, kept_from) in [
        ("/", "n=v", &["/", "/x", "/x/y?q"][..], &[][..]),
        ("/p/q", "n=v", &["/p", "/p/", "/p/r", "/p?q"], &["/", "/pq", "/P"]),
        ("/p/q?x=/y/z", "n=v", &["/p"], &["/"]),
        ("/p/q", "n=v; Path=/", &["/", "/x"], &[]),
        ("/", "n=v; Path=/p", &["/p", "/p/q"], &["/", "/pq"]),
        ("/", "n=v; Path=/p/", &["/p/", "/p/q"], &["/p"]),
        ("/", "n=v; Path=p", &["/", "/x"], &[]),
        ("/p/q", "n=v; Path=", &["/p"], &["/"]),
    ] {
        let at = format!("https://a.example{at}");
        let jar = jar_with(&[(&at, field)]);
        for path in sent_to {
            assert_eq!(sent(&jar, &format!("https://a.example{path}")), "n=v", "{at} {field} to {path}");
        }
        for path in kept_from {
            assert_eq!(sent(&jar, &format!("https://a.example{path}")), "", "{at} {field} to {path}");
        }
    }
}

#[test]
fn longer_paths_first_then_older_cookies() {
    let jar = jar_with(&[
        ("https://a.example/p/q", "a=1; Path=/"),
        ("https://a.example/p/q", "b=2; Path=/p"),
        ("https://a.example/p/q", "c=3; Path=/"),
        ("https://a.example/p/q", "d=4; Path=/p/q"),
        ("https://a.example/p/q", "e=5; Path=/; Domain=a.example"),
        // Set again, it keeps its age.
        ("https://a.example/p/q", "a=6; Path=/"),
    ]);
    assert_eq!(sent(&jar, "https://a.example/p/q"), "d=4; b=2; a=6; c=3; e=5");
}

#[test]
fn the_same_name_domain_and_path_is_the_same_cookie() {
    let jar = jar_with(&[
        ("https://a.example/", "n=1"),
        ("https://a.example/", "n=2; Domain=a.example"),
        ("https://a.example/", "n=3; Path=/p"),
        ("https://a.example/", "N=4"),
        ("https://a.example/", "n=5; Secure; HttpOnly; Max-Age=9"),
    ]);
    assert_eq!(sent(&jar, "https://a.example/p"), "n=3; n=5; n=2; N=4");
    assert_eq!(jar.len(), 4);
}

#[test]
fn cookies_end() {
    let jar = jar_with(&[
        ("https://a.example/", "session=1"),
        ("https://a.example/", "short=2; Max-Age=10"),
        ("https://a.example/", "date=3; Expires=Tue, 14 Nov 2023 22:13:40 GMT"),
        ("https://a.example/", "ever=4; Max-Age=9999999999"),
    ]);
    let sent_at = |seconds| jar.header_for(&url("https://a.example/"), later(seconds)).unwrap_or_default();
    assert_eq!(sent_at(9), "session=1; short=2; date=3; ever=4");
    assert_eq!(sent_at(10), "session=1; date=3; ever=4");
    assert_eq!(sent_at(20), "session=1; ever=4");
    let days = 24 * 60 * 60;
    assert_eq!(sent_at(400 * days - 1), "session=1; ever=4");
    assert_eq!(jar.len(), 2, "what is over is gone");
    assert_eq!(sent_at(400 * days), "session=1");
}

#[test]
fn a_cookie_that_is_over_removes_the_one_that_stands() {
    for over in ["n=; Max-Age=0", "n=x; Max-Age=-5", "n=; Expires=Thu, 01 Jan 1970 00:00:00 GMT"] {
        let jar = jar_with(&[("https://a.example/", "n=v; Max-Age=60"), ("https://a.example/", "m=w")]);
        assert_eq!(set(&jar, "https://a.example/", over), Ok(()));
        assert_eq!(sent(&jar, "https://a.example/"), "m=w", "{over}");
        assert_eq!(jar.len(), 1);
    }
    // Removing what is not there leaves nothing behind.
    assert!(jar_with(&[("https://a.example/", "n=; Max-Age=0")]).is_empty());
}

#[test]
fn a_cookie_without_a_name_is_its_value() {
    let jar =
        jar_with(&[("https://a.example/", "v"), ("https://a.example/", "n="), ("https://a.example/", "=w")]);
    assert_eq!(sent(&jar, "https://a.example/"), "w; n=");
    assert_eq!(set(&jar, "https://a.example/", "="), Err(Refusal::Empty));
    assert_eq!(set(&jar, "https://a.example/", " ; Path=/"), Err(Refusal::Empty));
}

#[test]
fn values_go_back_as_they_came() {
    for value in ["\"a b\"", "a=b&c=%3B", "{\"a\":1,\"b\":[2]}", "名前", "a\tb", "é", "==", "\\"] {
        let jar = jar_with(&[("https://a.example/", &format!("n={value}; Path=/"))]);
        assert_eq!(sent(&jar, "https://a.example/"), format!("n={value}"));
    }
}

#[test]
fn every_request_is_of_the_same_site() {
    for same_site in ["Strict", "Lax", "None", "x", ""] {
        let jar = jar_with(&[("http://a.example/", &format!("n=v; SameSite={same_site}"))]);
        assert_eq!(sent(&jar, "http://a.example/"), "n=v");
    }
}

#[test]
fn size() {
    let jar = Jar::default();
    let field = |bytes: usize| format!("name={}", "v".repeat(bytes - 4));
    assert_eq!(set(&jar, "https://a.example/", &field(4096)), Ok(()));
    assert_eq!(set(&jar, "https://a.example/", &field(4097)), Err(Refusal::TooLarge(4097)));
    assert_eq!(sent(&jar, "https://a.example/").len(), 4097, "with the sign between");
}

#[test]
fn without_strict_origins_scheme_and_port_are_no_part_of_a_cookie() {
    let jar = lax();
    set(&jar, "https://a.example:8443/", "n=1").unwrap();
    for to in ["http://a.example/", "https://a.example/", "http://a.example:8080/"] {
        assert_eq!(sent(&jar, to), "n=1", "{to}");
    }
    set(&jar, "http://a.example/", "n=2").unwrap();
    assert_eq!(sent(&jar, "https://a.example:8443/"), "n=2");
    set(&jar, "http://a.example:81/", "n=; Max-Age=0").unwrap();
    assert!(jar.is_empty());
}
