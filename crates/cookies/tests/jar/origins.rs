//! Schemes and ports: the table at `Limits`, through the front door.

use super::{jar_with, sent, set};

const PLACES: [&str; 4] =
    ["http://h.example", "https://h.example", "http://h.example:8080", "https://h.example:8443"];

#[test]
fn the_table() {
    let [http, https, http_8080, https_8443] = PLACES;
    for (set_at, without_domain, with_domain) in [
        (http, &[http, https][..], &[http, https][..]),
        (https, &[https], &[https]),
        (http_8080, &[http_8080], &[http, https, http_8080]),
        (https_8443, &[https_8443], &[https, https_8443]),
    ] {
        let jar = jar_with(&[(set_at, "n=v")]);
        for to in PLACES {
            let want = if without_domain.contains(&to) { "n=v" } else { "" };
            assert_eq!(sent(&jar, to), want, "from {set_at} to {to}");
            assert_eq!(sent(&jar, &to.replace("h.example", "x.h.example")), "", "another host");
        }
        let jar = jar_with(&[(set_at, "n=v; Domain=h.example")]);
        for to in PLACES {
            let want = if with_domain.contains(&to) { "n=v" } else { "" };
            assert_eq!(sent(&jar, to), want, "from {set_at} to {to}, with Domain");
            let below = to.replace("h.example", "x.h.example");
            assert_eq!(sent(&jar, &below), want, "from {set_at} to {below}, with Domain");
        }
    }
}

#[test]
fn a_port_cannot_touch_another_ports_cookies() {
    let jar = jar_with(&[("http://127.0.0.1:8080/", "sid=one"), ("http://127.0.0.1:8081/", "sid=two")]);
    assert_eq!(sent(&jar, "http://127.0.0.1:8080/"), "sid=one");
    assert_eq!(sent(&jar, "http://127.0.0.1:8081/"), "sid=two");
    set(&jar, "http://127.0.0.1:8081/", "sid=; Max-Age=0").unwrap();
    assert_eq!(sent(&jar, "http://127.0.0.1:8080/"), "sid=one");
    assert_eq!(jar.len(), 1);
}

#[test]
fn plain_http_cannot_touch_what_https_has_set() {
    for domain in ["", "; Domain=h.example"] {
        let jar = jar_with(&[("https://h.example/", &format!("sid=safe{domain}"))]);
        set(&jar, "http://h.example/", &format!("sid=evil{domain}")).unwrap();
        assert_eq!(sent(&jar, "https://h.example/"), "sid=safe");
        assert_eq!(sent(&jar, "http://h.example/"), "sid=evil");
        set(&jar, "http://h.example/", &format!("sid=; Max-Age=0{domain}")).unwrap();
        assert_eq!(sent(&jar, "https://h.example/"), "sid=safe");
        assert_eq!(sent(&jar, "http://h.example/"), "");
    }
}

#[test]
fn https_is_never_sent_two_of_one_name_and_path() {
    for domain in ["", "; Domain=h.example"] {
        let jar = jar_with(&[("http://h.example/", &format!("sid=below{domain}"))]);
        assert_eq!(sent(&jar, "https://h.example/"), "sid=below");
        set(&jar, "https://h.example/", &format!("sid=above{domain}")).unwrap();
        assert_eq!(sent(&jar, "https://h.example/"), "sid=above");
        assert_eq!(sent(&jar, "http://h.example/"), "sid=below", "each has its own");
        // What HTTPS removes is gone for HTTPS, wherever it had come from.
        set(&jar, "https://h.example/", &format!("sid=; Max-Age=0{domain}")).unwrap();
        assert_eq!(sent(&jar, "https://h.example/"), "");
        assert_eq!(sent(&jar, "http://h.example/"), "sid=below");
    }
    let jar = jar_with(&[("http://h.example/", "sid=below")]);
    set(&jar, "https://h.example/", "sid=; Max-Age=0").unwrap();
    assert_eq!(sent(&jar, "https://h.example/"), "", "removed although it was not its own");
    set(&jar, "http://h.example/", "sid=new").unwrap();
    assert_eq!(sent(&jar, "https://h.example/"), "sid=new", "set anew, it goes up again");
}

#[test]
fn another_port_of_https_does_not_hold_a_cookie_down() {
    let jar = jar_with(&[("http://h.example/", "sid=1"), ("https://h.example:8443/", "sid=2")]);
    assert_eq!(sent(&jar, "https://h.example/"), "sid=1");
    assert_eq!(sent(&jar, "https://h.example:8443/"), "sid=2");
}

#[test]
fn a_cookie_with_a_domain_is_one_for_all_ports() {
    let jar = jar_with(&[
        ("https://x.h.example:8443/", "n=1; Domain=h.example"),
        ("https://y.h.example/", "n=2; Domain=h.example"),
    ]);
    assert_eq!(sent(&jar, "https://h.example/"), "n=2");
    assert_eq!(sent(&jar, "https://h.example:8443/"), "", "where it was last set is what counts");
}
