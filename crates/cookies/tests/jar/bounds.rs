//! Floods: how much is kept, who has to go, and what does not fit into a header.

use dragline_cookies::{Jar, Limits, Refusal};

use super::{jar_with, later, now, sent, set, url};

fn names(header: &str) -> Vec<&str> {
    header.split("; ").filter_map(|pair| pair.split('=').next()).filter(|name| !name.is_empty()).collect()
}

#[test]
fn ten_thousand_cookies_of_a_host_leave_fifty() {
    let jar = Jar::default();
    for i in 0..10_000 {
        set(&jar, "https://a.example/", &format!("n{i}=v")).unwrap();
        assert!(jar.len() <= 50);
    }
    let header = sent(&jar, "https://a.example/");
    assert_eq!(names(&header).len(), 50);
    assert!(header.starts_with("n9950=v; ") && header.ends_with("n9999=v"), "the newest stay: {header}");
}

#[test]
fn all_hosts_of_a_site_share_its_fifty() {
    let jar = Jar::default();
    for i in 0..200 {
        set(&jar, &format!("https://h{i}.example.co.uk/"), "a=1").unwrap();
        set(&jar, &format!("https://h{i}.example.co.uk/"), "b=2; Domain=example.co.uk").unwrap();
        set(&jar, &format!("https://h{i}.example.co.uk./"), "c=3").unwrap();
    }
    assert_eq!(jar.len(), 50);
}

#[test]
fn sites_beyond_number_leave_three_thousand() {
    let jar = Jar::default();
    for i in 0..4000 {
        set(&jar, &format!("https://site{i}.com/"), "n=v").unwrap();
        assert!(jar.len() <= 3000);
    }
    assert_eq!(jar.len(), 3000);
    assert_eq!(sent(&jar, "https://site999.com/"), "", "the one unused for longest went");
    assert_eq!(sent(&jar, "https://site1000.com/"), "n=v");
}

#[test]
fn whoever_floods_the_jar_pays_for_it() {
    let jar = Jar::new(Limits { total: 60, ..Limits::default() });
    for i in 0..20 {
        set(&jar, &format!("https://quiet{i}.com/"), "n=v").unwrap();
    }
    for i in 0..1000 {
        set(&jar, "https://loud.com/", &format!("n{i}=v")).unwrap();
    }
    assert_eq!(jar.len(), 60);
    assert!((0..20).all(|i| sent(&jar, &format!("https://quiet{i}.com/")) == "n=v"));
    assert_eq!(names(&sent(&jar, "https://loud.com/")).len(), 40);
}

#[test]
fn who_goes_first() {
    let jar = Jar::new(Limits { per_site: 3, ..Limits::default() });
    let at = url("https://a.example/");
    // One that is over, before one that is not Secure, before one that is.
    jar.take_in(&at, b"secure=1; Secure; Path=/s", now()).unwrap();
    jar.take_in(&at, b"old=2; Path=/o", now()).unwrap();
    jar.take_in(&at, b"over=3; Max-Age=5", now()).unwrap();
    jar.take_in(&at, b"new=4; Path=/n", later(5)).unwrap();
    assert_eq!(jar.len(), 3);
    assert_eq!(sent(&jar, "https://a.example/o"), "old=2", "what is over went");
    // It was used just now, so that the other goes.
    jar.take_in(&at, b"newer=5; Path=/", later(5)).unwrap();
    assert_eq!(sent(&jar, "https://a.example/n"), "newer=5");
    assert_eq!(sent(&jar, "https://a.example/o"), "old=2; newer=5");
    assert_eq!(sent(&jar, "https://a.example/s"), "secure=1; newer=5", "a Secure one stays");
}

#[test]
fn who_goes_first_of_all_sites() {
    let jar = Jar::new(Limits { total: 4, ..Limits::default() });
    let take = |at: &str, field: &str, when| jar.take_in(&url(at), field.as_bytes(), when).unwrap();
    take("https://two.com/", "secure=1; Secure", now());
    take("https://two.com/", "plain=2", now());
    take("https://one.com/", "n=3", now());
    take("https://over.com/", "n=4; Max-Age=5", now());
    let header = |at: &str| jar.header_for(&url(at), later(5)).unwrap_or_default();
    take("https://new.com/", "n=5", later(5));
    assert_eq!(header("https://two.com/"), "secure=1; plain=2", "what is over went");
    take("https://newer.com/", "n=6", later(5));
    assert_eq!(header("https://two.com/"), "secure=1", "the fullest site paid, with what is not Secure");
    take("https://newest.com/", "n=7", later(5));
    assert_eq!(header("https://one.com/"), "", "of equals the one unused for longest");
    assert_eq!(header("https://two.com/"), "secure=1");
    assert_eq!(jar.len(), 4);
}

#[test]
fn a_jar_full_of_secure_cookies_keeps_no_other() {
    let jar = Jar::new(Limits { per_site: 2, ..Limits::default() });
    set(&jar, "https://a.example/", "a=1; Secure").unwrap();
    set(&jar, "https://a.example/", "b=2; Secure").unwrap();
    assert_eq!(set(&jar, "http://a.example/", "c=3"), Err(Refusal::NoRoom));
    assert_eq!(set(&jar, "https://a.example/", "d=4; Secure"), Ok(()));
    assert_eq!(sent(&jar, "https://a.example/"), "b=2; d=4");
    assert_eq!(set(&jar, "https://a.example/", "b=; Max-Age=0"), Ok(()));
    assert_eq!(jar.len(), 1);
}

#[test]
fn a_jar_without_room_takes_nothing() {
    for limits in [Limits { per_site: 0, ..Limits::default() }, Limits { total: 0, ..Limits::default() }] {
        let jar = Jar::new(limits);
        assert_eq!(set(&jar, "https://a.example/", "n=v"), Err(Refusal::NoRoom));
        assert!(jar.is_empty());
    }
    let jar = Jar::new(Limits { header_bytes: 2, ..Limits::default() });
    set(&jar, "https://a.example/", "n=v").unwrap();
    assert_eq!(jar.header_for(&url("https://a.example/"), now()), None);
}

#[test]
fn a_header_leaves_out_the_oldest() {
    let value = "v".repeat(2000);
    let jar = jar_with(&[
        ("https://a.example/", &format!("a={value}")),
        ("https://a.example/", &format!("b={value}")),
        ("https://a.example/", &format!("c={value}")),
        ("https://a.example/", &format!("d={value}")),
    ]);
    assert_eq!(names(&sent(&jar, "https://a.example/")), ["a", "b", "c", "d"]);
    set(&jar, "https://a.example/", &format!("e={}", "v".repeat(190))).unwrap();
    let header = sent(&jar, "https://a.example/");
    assert_eq!(names(&header), ["b", "c", "d", "e"]);
    // To the byte: four cookies of 2,002 and what stands between five of them leave 176.
    for (bytes, fits) in [(176, true), (177, false)] {
        set(&jar, "https://a.example/", &format!("e={}", "v".repeat(bytes - 2))).unwrap();
        let header = sent(&jar, "https://a.example/");
        assert!(header.len() <= 8192);
        assert_eq!(names(&header).len() == 5, fits, "{bytes}");
    }
}

#[test]
fn threads_share_a_jar() {
    let jar = Jar::default();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let jar = jar.clone();
            scope.spawn(move || {
                let at = format!("https://t{thread}.com/");
                for i in 0..200 {
                    set(&jar, &at, &format!("n{}={i}", i % 10)).unwrap();
                    assert!(sent(&jar, &at).contains(&format!("={i}")));
                }
            });
        }
    });
    assert_eq!(jar.len(), 80);
}
