//! A body as a reader wants it.

use std::io::Write as _;

use dragline_model::{FailureKind, Truncation};
use dragline_storage::{Store, StoreError};
use flate2::{Compression, write::GzEncoder};

use crate::world::*;

const TEXT: &str = "what was sent, again and again, ";

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn coded(n: u64, coding: &str, body: Vec<u8>) -> Visited {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: {coding}\r\n\r\n");
    page(n, &format!("http://a/{n}"), body).head(200, &head)
}

#[test]
fn a_body_is_decoded_or_it_is_told_why_not() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(dir.path(), options()).unwrap();
    let mut writer = store.writer().unwrap();
    let text = TEXT.repeat(100);
    let whole = gzip(&text);
    let visits = vec![
        page(1, "http://a/1", text.clone()),
        coded(2, "gzip", whole.clone()),
        coded(3, "gzip", whole[..whole.len() / 2].to_vec()),
        coded(4, "lzma", whole.clone()),
        coded(5, "br, gzip", whole.clone()),
        failure(6, "http://a/6", FailureKind::Dns),
        page(7, "http://a/7", TEXT).truncated(Truncation::Length),
    ];
    commit(&store, &mut writer, visits);
    let body = |seq: u64, most: usize| store.body(&store.record(seq).unwrap().unwrap(), most);
    for seq in [1, 2] {
        let read = body(seq, 1 << 20).unwrap();
        assert_eq!((&read.bytes[..], read.cut), (text.as_bytes(), None));
        let read = body(seq, 100).unwrap();
        assert!(read.bytes == text.as_bytes()[..100] && read.cut.unwrap().contains("limit"));
    }
    let read = body(3, 1 << 20).unwrap();
    assert!(text.as_bytes().starts_with(&read.bytes) && read.cut.unwrap().contains("breaks off"));
    let read = body(7, 1 << 20).unwrap();
    assert!(read.bytes == TEXT.as_bytes() && read.cut.unwrap().contains("not received whole"));
    for (seq, want) in [(4, "\"lzma\" is not known"), (5, "lie on each other")] {
        let error = body(seq, 1 << 20).unwrap_err();
        assert!(matches!(error, StoreError::Coded { .. }) && error.to_string().contains(want), "{error}");
    }
    assert!(matches!(body(6, 1 << 20), Err(StoreError::NoPayload { seq: 6, .. })));
}

#[test]
fn what_there_is_by_size_and_day() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(dir.path(), options()).unwrap();
    let mut writer = store.writer().unwrap();
    const DAY: u64 = 86_400_000;
    let sizes = [0, 1, 2, 3, 4, 1023, 1024, 1025];
    let mut visits: Vec<_> = (0..)
        .zip(sizes)
        .map(|(n, size)| page(n, &format!("http://a/{n}"), "x").size(size).at(n / 4 * DAY + DAY - 1))
        .collect();
    visits.push(failure(99, "http://a/", FailureKind::Dns).at(2 * DAY));
    commit(&store, &mut writer, visits);
    let stats = store.stats().unwrap();
    let sizes: Vec<_> = stats.by_size.iter().map(|(size, share)| (*size, share.responses)).collect();
    assert_eq!(sizes, [(0, 1), (1, 1), (2, 2), (4, 1), (512, 1), (1024, 2)]);
    let days: Vec<_> =
        stats.by_day.iter().map(|(day, share)| (&day[..], share.responses, share.failures)).collect();
    assert_eq!(days, [("2026-01-01", 4, 0), ("2026-01-02", 4, 0), ("2026-01-03", 0, 1)]);
    assert!(serde_json::to_value(&stats).unwrap()["by_size"]["512"]["responses"] == 1);
}
