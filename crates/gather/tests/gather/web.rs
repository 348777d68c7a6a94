//! A whole hostile web at once, each page of it as it should be.

use std::collections::BTreeMap;

use dragline_fakeweb::{Expect, Faults, WebSpec};
use dragline_fetch::Settings;
use dragline_frontier::RetryTable;
use dragline_gather::{Answer, Gather};

#[test]
fn every_page_of_a_web() {
    let faults = Faults { not_found: 0.1, ..Faults::default() };
    let web = WebSpec { hosts: 5, pages_per_host: 100, faults, ..WebSpec::default() }.start().unwrap();
    let truth = web.truth(&web.seeds());
    assert!(truth.len() >= 500);
    let urls: Vec<String> = truth.keys().cloned().collect();
    let settings = Settings { overrides: vec![web.resolve_rule().parse().unwrap()], ..Settings::default() };
    let answers = Gather::new(urls)
        .settings(settings)
        .redirects(0)
        .retry_table(RetryTable { base: std::time::Duration::from_millis(1) })
        .start()
        .unwrap();
    let answers: BTreeMap<String, Answer> = answers.map(|answer| (answer.url.clone(), answer)).collect();
    assert_eq!(answers.len(), truth.len());
    for (url, expect) in &truth {
        if let Expect::Status(status) = expect {
            assert_eq!(answers[url].status, Some(*status), "{url}");
        }
    }
}
