//! What came of asking each host, and how often it was asked.

use std::{collections::BTreeMap, time::Duration};

use dragline_model::{FailureKind, Purpose};
use dragline_storage::{HostShare, Store};

use crate::world::*;

#[test]
fn each_host_has_its_own_share() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(dir.path(), options()).unwrap();
    let mut writer = store.writer().unwrap();
    writer.admit(&[seed("http://a/")]).unwrap();
    let status = |visit, address: &str, status: u16| {
        page(visit, address, "four").head(status, &format!("HTTP/1.1 {status} x\r\n\r\n"))
    };
    // The number of a visit is its minute; they are committed in another order.
    let visits = vec![
        status(1, "http://a/robots.txt", 200).asked(Purpose::Robots, None),
        status(9, "https://a/late", 200),
        status(3, "http://a/", 301),
        status(4, "http://a/busy", 503),
        status(8, "http://a/gone", 404),
        failure(5, "http://a/never", FailureKind::Dns),
        failure(20, "http://a/slow", FailureKind::HeadTimeout),
        status(6, "http://a:81/robots.txt", 429).asked(Purpose::Robots, None),
        failure(7, "http://c/", FailureKind::Refused),
    ];
    commit(&store, &mut writer, visits);
    let hosts = store.hosts().unwrap();
    assert_eq!(hosts.keys().collect::<Vec<_>>(), ["a", "a:81", "c"]);
    // Starts at 1, 3, 4, 8, 9 and 20: gaps of 2, 1, 4, 1 and 11.
    let minutes = |minutes: u64| Some(Duration::from_secs(minutes * 60));
    let a = HostShare {
        pages: 1,
        by_class: BTreeMap::from([(2, 1), (3, 1), (4, 1), (5, 1)]),
        failures: 2,
        refusals: 1,
        bytes: 20,
        robots: 1,
        requests: 6,
        gap_min: minutes(1),
        gap_median: minutes(2),
    };
    assert_eq!(hosts["a"], a);
    let asked_once = HostShare { refusals: 1, bytes: 4, robots: 1, requests: 1, ..HostShare::default() };
    assert_eq!(hosts["a:81"], asked_once);
    assert_eq!(hosts["c"], HostShare { failures: 1, ..HostShare::default() });
}
