//! What others have got wrong: suffixes, addresses, dots, case, prefixes, floods, jars of other tenants.

use dragline_cookies::{Jar, Refusal};

use super::{jar_with, now, sent, set, url};

fn outcome(at: &str, field: &str) -> String {
    set(&Jar::default(), at, field).map_or_else(|refusal| refusal.to_string(), |()| "kept".into())
}

#[test]
fn a_domain_that_is_a_public_suffix_is_dropped() {
    for (at, domain, suffix) in [
        ("https://a.co.uk/", "co.uk", "co.uk"),
        ("https://a.co.uk/", ".co.uk", "co.uk"),
        ("https://a.co.uk/", "co.UK", "co.uk"),
        ("https://a.co.uk/", "CO.uk", "co.uk"),
        ("https://a.co.uk./", "co.uk.", "co.uk."),
        ("https://a.co.uk/", "uk", "uk"),
        ("https://a.com/", "com", "com"),
        ("https://me.github.io/", "github.io", "github.io"),
        ("https://me.github.io/", ".GitHub.io", "github.io"),
        ("https://b.s3.amazonaws.com/", "s3.amazonaws.com", "s3.amazonaws.com"),
        ("https://a.b.ck/", "b.ck", "b.ck"),
        ("https://a.xn--p1ai/", "xn--p1ai", "xn--p1ai"),
        ("http://a.localhost/", "localhost", "localhost"),
        // One that would match nothing of the host's is still named for what it is.
        ("https://a.example/", "co.uk", "co.uk"),
    ] {
        let jar = Jar::default();
        let refused = set(&jar, at, &format!("n=v; Domain={domain}"));
        assert_eq!(refused, Err(Refusal::PublicSuffix(suffix.into())), "{at} {domain}");
        assert!(jar.is_empty());
    }
}

#[test]
fn a_suffix_keeps_cookies_of_its_own() {
    for host in ["github.io", "co.uk", "localhost", "b.ck"] {
        let at = format!("https://{host}/");
        let jar = jar_with(&[(&at, &format!("n=v; Domain={host}"))]);
        assert_eq!(sent(&jar, &at), "n=v");
        assert_eq!(sent(&jar, &format!("https://a.{host}/")), "", "host-only at {host}");
    }
}

#[test]
fn a_domain_that_reaches_over_a_suffix_is_dropped() {
    for (at, domain) in [
        ("https://b.s3.amazonaws.com/", "amazonaws.com"),
        ("https://b.s3.amazonaws.com/", ".AmazonAWS.com"),
        ("https://a.b.kobe.jp/", "kobe.jp"),
    ] {
        let refused = set(&Jar::default(), at, &format!("n=v; Domain={domain}"));
        assert!(matches!(refused, Err(Refusal::AcrossSuffix { .. })), "{at} {domain}: {refused:?}");
    }
    // Nor does one that was set beside the suffix go below it.
    let jar = jar_with(&[("https://www.amazonaws.com/", "n=v; Domain=amazonaws.com")]);
    assert_eq!(sent(&jar, "https://amazonaws.com/"), "n=v");
    assert_eq!(sent(&jar, "https://b.s3.amazonaws.com/"), "");
}

#[test]
fn a_domain_of_somebody_else_is_dropped() {
    for (at, domain) in [
        ("https://a.test/", "b.test"),
        ("https://a.example/", "sub.a.example"),
        ("https://a.example/", "xa.example"),
        ("https://xa.example/", "a.example"),
        ("https://a.example/", "a.example."),
        ("https://a.example./", "a.example"),
        ("https://127.0.0.1/", "0.0.1"),
        ("https://127.0.0.1/", "10.0.0.1"),
        ("https://1.2.3.4.example/", "1.2.3.4"),
    ] {
        let refused = set(&Jar::default(), at, &format!("n=v; Domain={domain}"));
        assert!(matches!(refused, Err(Refusal::OtherDomain { .. })), "{at} {domain}: {refused:?}");
    }
    for domain in [
        "a..example",
        "..a.example",
        "a.example..",
        "bücher.example",
        "a b.example",
        "a.example:443",
        "https://a.example",
        "::1",
    ] {
        let refused = set(&Jar::default(), "https://a.example/", &format!("n=v; Domain={domain}"));
        assert!(matches!(refused, Err(Refusal::NotADomain(_))), "{domain}: {refused:?}");
    }
}

#[test]
fn a_cookie_is_not_copied_to_where_a_redirect_leads() {
    let jar = jar_with(&[("http://a.test/", "sid=1"), ("http://www.a.test/", "all=2; Domain=a.test")]);
    assert_eq!(sent(&jar, "http://a.test/"), "sid=1; all=2");
    for target in
        ["http://b.test/", "http://a.test.b.test/", "http://xa.test/", "http://test/", "http://a.test./"]
    {
        assert_eq!(sent(&jar, target), "", "{target}");
    }
}

#[test]
fn an_address_is_one_host() {
    for host in ["127.0.0.1", "[::1]", "10.0.0.1"] {
        let at = format!("http://{host}/");
        let jar = jar_with(&[(&at, "a=1"), (&at, &format!("b=2; Domain={host}"))]);
        assert_eq!(sent(&jar, &at), "a=1; b=2");
        assert_eq!(sent(&jar, "http://127.0.0.2/"), "");
    }
    // Spellings of one address are one address, as everywhere.
    let jar = jar_with(&[("http://0x7f.1/", "a=1")]);
    assert_eq!(sent(&jar, "http://127.0.0.1/"), "a=1");
}

#[test]
fn a_final_dot_is_another_host() {
    let jar = jar_with(&[("https://a.example/", "a=1; Domain=a.example"), ("https://a.example./", "b=2")]);
    assert_eq!(sent(&jar, "https://a.example/"), "a=1");
    assert_eq!(sent(&jar, "https://a.example./"), "b=2");
    let jar = jar_with(&[("https://x.a.example./", "c=3; Domain=.A.example.")]);
    assert_eq!(sent(&jar, "https://y.a.example./"), "c=3");
    assert_eq!(sent(&jar, "https://y.a.example/"), "");
}

#[test]
fn case_of_hosts_and_attributes_does_not_matter_and_that_of_names_does() {
    let jar = jar_with(&[
        ("https://WWW.Shop.Example/", "n=1; dOMAIN=SHOP.example; pATH=/"),
        ("https://www.shop.example/", "N=2; Domain=shop.example; Path=/"),
    ]);
    assert_eq!(sent(&jar, "https://img.shop.EXAMPLE/"), "n=1; N=2");
}

#[test]
fn prefixes_hold() {
    let host_needs = "a cookie named \"__Host-…\" needs Secure, Path=/ and no Domain";
    let secure_needs = "a cookie named \"__Secure-…\" needs Secure";
    let http_needs = "a cookie named \"__Http-…\" needs Secure and HttpOnly";
    let both_need = "a cookie named \"__Host-Http-…\" needs Secure, HttpOnly, Path=/ and no Domain";
    let over_http = "a Secure cookie cannot be set over plain HTTP";
    let disguised = "the cookie has no name, and its value would be read as a cookie with one";
    for (at, field, want) in [
        ("https://a.example/", "__Host-n=v; Secure; Path=/", "kept"),
        ("https://a.example/", "__Host-n=v; Path=/", host_needs),
        ("https://a.example/", "__Host-n=v; Secure", host_needs),
        ("https://a.example/p/q", "__Host-n=v; Secure; Path", host_needs),
        ("https://a.example/", "__Host-n=v; Secure; Path=/p", host_needs),
        ("https://a.example/", "__Host-n=v; Secure; Path=/; Domain=a.example", host_needs),
        ("https://a.example/", "__Host-n=v; Secure; Path=/; Domain=", "kept"),
        ("https://a.example/", "__hOST-n=v; Path=/", host_needs),
        ("http://a.example/", "__Host-n=v; Secure; Path=/", over_http),
        ("http://a.example/", "__Host-n=v; Path=/", host_needs),
        ("https://a.example/", "__Secure-n=v; Secure; Domain=a.example; Path=/p", "kept"),
        ("https://a.example/", "__Secure-n=v", secure_needs),
        ("https://a.example/", "__SECURE-n=v", secure_needs),
        ("http://a.example/", "__Secure-n=v; Secure", over_http),
        ("https://a.example/", "__Http-n=v; Secure; HttpOnly", "kept"),
        ("https://a.example/", "__Http-n=v; Secure", http_needs),
        ("https://a.example/", "__Host-Http-n=v; Secure; HttpOnly; Path=/", "kept"),
        ("https://a.example/", "__host-http-n=v; Secure; Path=/", both_need),
        ("https://a.example/", "__Host-Http-n=v; Secure; HttpOnly", both_need),
        ("https://a.example/", "__Host=v", "kept"),
        ("https://a.example/", "x__Host-n=v", "kept"),
        // Without a name, but read as if it had one.
        ("https://a.example/", "=__Host-n=v; Secure; Path=/", disguised),
        ("https://a.example/", "__host-n", disguised),
        ("https://a.example/", "=sid=v", disguised),
        ("https://a.example/", "sid", "kept"),
    ] {
        assert_eq!(outcome(at, field), want, "{at} {field}");
    }
}

#[test]
fn secure_needs_https_both_ways() {
    assert_eq!(outcome("http://a.example/", "n=v; Secure"), "a Secure cookie cannot be set over plain HTTP");
    // By itself, and not only because a cookie stays with its scheme.
    for jar in [Jar::default(), super::lax()] {
        set(&jar, "https://a.example/", "n=v; Secure; Domain=a.example").unwrap();
        assert_eq!(sent(&jar, "https://a.example/"), "n=v");
        assert_eq!(sent(&jar, "http://a.example/"), "");
    }
}

#[test]
fn plain_http_leaves_secure_cookies_alone() {
    let stands = Err(Refusal::SecureStands);
    for (secure_at, secure, at, field, want) in [
        ("https://a.example/", "n=v", "http://a.example/", "n=evil", stands.clone()),
        ("https://a.example/", "n=v", "http://a.example/", "n=; Max-Age=0", stands.clone()),
        ("https://a.example/", "n=v", "http://a.example:8080/", "n=evil", stands.clone()),
        ("https://x.a.example/", "n=v", "http://y.a.example/", "n=evil; Domain=a.example", stands.clone()),
        ("https://x.a.example/", "n=v; Domain=a.example", "http://y.a.example/", "n=evil", stands.clone()),
        ("https://x.a.example/", "n=v", "http://y.a.example/", "n=other", Ok(())),
        ("https://a.example/", "n=v; Path=/p", "http://a.example/", "n=evil; Path=/p/q", stands.clone()),
        ("https://a.example/", "n=v; Path=/p", "http://a.example/", "n=other; Path=/", Ok(())),
        ("https://a.example/", "n=v; Path=/p", "http://a.example/", "n=other; Path=/pq", Ok(())),
        ("https://a.example/", "n=v", "http://a.example/", "N=other", Ok(())),
        ("https://a.example/", "n=v", "https://a.example/", "n=own", Ok(())),
    ] {
        for jar in [Jar::default(), super::lax()] {
            set(&jar, secure_at, &format!("{secure}; Secure")).unwrap();
            assert_eq!(set(&jar, at, field), want, "{secure_at} {secure}, then {at} {field}");
        }
    }
    // One whose time is over no longer stands.
    let jar = jar_with(&[("https://a.example/", "n=v; Secure; Max-Age=5")]);
    let field = b"n=own";
    assert_eq!(jar.take_in(&url("http://a.example/"), field, super::later(4)), Err(Refusal::SecureStands));
    assert_eq!(jar.take_in(&url("http://a.example/"), field, super::later(5)), Ok(()));
}

#[test]
fn no_header_can_be_split() {
    let jar = Jar::default();
    for control in (0u8..0x20).chain([0x7f]).filter(|&b| b != b'\t') {
        for field in [&b"n=v?w"[..], b"n?=v", b"n=v; Path=/?", b"n=v; X=?", b"?n=v", b"n=v?"] {
            let field: Vec<u8> = field.iter().map(|&b| if b == b'?' { control } else { b }).collect();
            let refused = jar.take_in(&url("http://a.example/"), &field, now());
            assert_eq!(refused, Err(Refusal::ControlCharacter), "{control:#04x}");
        }
    }
    assert!(jar.is_empty());
}

#[test]
fn jars_know_nothing_of_each_other() {
    let (one, other) = (Jar::default(), Jar::default());
    set(&one, "http://a.example/", "n=v").unwrap();
    assert_eq!(sent(&other, "http://a.example/"), "");
    let same = one.clone();
    assert_eq!(sent(&same, "http://a.example/"), "n=v");
    same.clear();
    assert!(one.is_empty());
}

#[test]
fn values_are_not_shown() {
    let canary = "hunter2canary";
    let jar =
        jar_with(&[("https://a.example/", &format!("sid={canary}; Secure")), ("https://a.example/", canary)]);
    assert!(!format!("{jar:?} {jar:#?}").contains(canary));
    for field in [
        format!("sid={canary}; Domain=b.example"),
        format!("{canary}={canary}; Domain=example"),
        format!("__Host-{canary}={canary}"),
        format!("=x={canary}"),
        format!("sid={canary}\r\n"),
        format!("sid={canary}{}", "x".repeat(5000)),
        format!("sid={canary}; Secure"),
    ] {
        let refusal = set(&jar, "http://a.example/", &field).unwrap_err();
        assert!(!format!("{refusal} {refusal:?}").contains(canary), "{refusal:?}");
    }
    let bad = jar.read_netscape(&format!("a.example\tFALSE\t/\tFALSE\tx\tn\t{canary}"), now()).unwrap_err();
    assert!(!format!("{bad} {bad:?}").contains(canary));
}
