//! S4: names that lead elsewhere than they did.
//!
//! The wire's own table of mixed, aliased, mapped and translated answers: `crates/fetch/tests/wire/names.rs`,
//! `every_answer_is_judged`.

use crate::{
    names::{Leads, name_server},
    site::{answer, links, private, public},
    world::{ask, config, crawl, settings, told},
};

#[test]
fn s04_a_name_is_only_as_good_as_its_last_answer() {
    let html = "Content-Type: text/html\r\nConnection: close\r\n";
    let home = public(move |asked| match asked.target.as_str() {
        // Nothing is kept: each request looks the name up again.
        "/" => answer("200 OK", html, links((1..4).map(|n| format!("/{n}")))),
        _ => answer("200 OK", html, "x"),
    });
    let port = home.port();
    let private = private(port);
    let (good, bad) = ("127.0.1.1", "127.0.9.1");
    let names = name_server(move |name, nth| match (name, nth) {
        // The first answer is for the pace that hosts of one address share, the second for the first connection.
        ("rebind.test", 0 | 1) => Leads::to(&[good]),
        ("rebind.test", _) => Leads::to(&[bad]),
        ("flip.test", nth) => Leads::to(&[if nth % 2 == 0 { good } else { bad }]),
        ("mixed.test", _) => Leads::to(&[bad, good, "10.0.0.1"]),
        ("alias.test", _) => Leads { alias: Some("inner.test"), ..Leads::to(&[bad]) },
        ("good.test", _) => Leads { alias: Some("www.good.test"), ..Leads::to(&[good]) },
        _ => Leads::default(),
    });
    let mut named = config();
    named.name_servers = vec![names.to_string()];
    let url = |host: &str, target: &str| format!("http://{host}.test:{port}{target}");
    let crawled = crawl(["rebind", "mixed", "alias", "good"].map(|host| url(host, "/")), named);
    for (host, first, others) in [
        ("rebind", "200", "refused"),
        ("mixed", "200", "200"),
        ("alias", "refused", "unknown"),
        ("good", "200", "200"),
    ] {
        assert_eq!(crawled.outcome(&url(host, "/")), first, "{host}");
        for n in 1..4 {
            assert_eq!(crawled.outcome(&url(host, &format!("/{n}"))), others, "{host} {n}");
        }
    }
    let mut named = settings();
    named.name_servers = vec![names];
    let mut outcomes: Vec<String> =
        (0..6).map(|_| told(&ask([url("flip", "/1")], named.clone())[0])).collect();
    outcomes.dedup();
    assert_eq!(outcomes, ["200", "refused", "200", "refused", "200", "refused"]);
    assert_eq!(private.connections(), 0);
}
