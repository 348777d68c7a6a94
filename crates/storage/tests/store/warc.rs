//! The archive as any WARC reader sees it: read here by a reader that shares nothing with ours.

use std::{collections::BTreeMap, fs, io::Read as _};

use dragline_model::{FailureKind, Truncation};
use dragline_storage::Store;
use proptest::prelude::*;

use crate::world::*;

pub(crate) struct Plain {
    fields: BTreeMap<String, String>,
    pub(crate) block: Vec<u8>,
}

impl Plain {
    pub(crate) fn get(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }
}

/// Reads a segment member by member.
pub(crate) fn read(path: &std::path::Path) -> Vec<Plain> {
    let bytes = fs::read(path).unwrap();
    let mut rest = &bytes[..];
    let mut found = Vec::new();
    while !rest.is_empty() {
        let mut record = Vec::new();
        flate2::bufread::GzDecoder::new(&mut rest).read_to_end(&mut record).unwrap();
        let end = record.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
        let head = std::str::from_utf8(&record[..end]).unwrap();
        let mut lines = head.split("\r\n");
        assert_eq!(lines.next(), Some("WARC/1.1"));
        let fields: BTreeMap<_, _> =
            lines.map(|l| l.split_once(": ").unwrap()).map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
        let length: usize = fields["Content-Length"].parse().unwrap();
        let block = record[end + 4..][..length].to_vec();
        assert_eq!(&record[end + 4 + length..], b"\r\n\r\n");
        found.push(Plain { fields, block });
    }
    found
}

#[test]
fn every_kind_of_record() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(dir.path(), options()).unwrap();
    let mut writer = store.writer().unwrap();
    let body = "x".repeat(100);
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n";
    writer.admit(&[seed("http://a/")]).unwrap();
    let visits = vec![
        page(1, "http://a/", body.clone())
            .head(200, chunked)
            .truncated(Truncation::Time)
            .links(&["http://a/2"]),
        page(2, "http://a/2", body),
        failure(3, "http://a/3", FailureKind::Dns),
    ];
    commit(&store, &mut writer, visits);
    drop((writer, store));

    let records = read(&segments(dir.path())[0]);
    let types: Vec<_> = records.iter().map(|r| r.get("WARC-Type")).collect();
    let want = "warcinfo metadata response request metadata revisit request metadata metadata";
    assert_eq!(types.join(" "), want);
    let ids: std::collections::BTreeSet<_> = records.iter().map(|r| r.get("WARC-Record-ID")).collect();
    assert_eq!(ids.len(), records.len());
    assert!(ids.iter().all(|id| id.starts_with("<urn:uuid:") && id.len() == 47));
    assert_eq!(records[0].get("WARC-Filename"), "dragline-00000.warc.gz");

    let response = &records[2];
    assert_eq!(response.get("WARC-Date"), "2026-01-01T00:01:00.000Z");
    assert_eq!(response.get("WARC-Target-URI"), "http://a/");
    assert_eq!(response.get("WARC-IP-Address"), "192.0.2.1");
    assert_eq!(response.get("WARC-Truncated"), "time");
    assert_eq!(response.get("Content-Type"), "application/http;msgtype=response");
    let block = String::from_utf8_lossy(&response.block);
    let head = "HTTP/1.1 200 OK\r\nX-Archive-Orig-Transfer-Encoding: chunked\r\nX: y\r\nContent-Length: 100\r\n\r\nxxx";
    assert!(block.starts_with(head), "{block}");
    for other in [&records[3], &records[4]] {
        assert_eq!(other.get("WARC-Concurrent-To"), response.get("WARC-Record-ID"));
    }
    assert_eq!(records[3].block, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");

    let revisit = &records[5];
    assert_eq!(
        revisit.get("WARC-Profile"),
        "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest"
    );
    assert_eq!(revisit.get("WARC-Refers-To"), response.get("WARC-Record-ID"));
    assert_eq!(revisit.get("WARC-Refers-To-Target-URI"), "http://a/");
    assert_eq!(revisit.get("WARC-Refers-To-Date"), response.get("WARC-Date"));
    assert_eq!(revisit.get("WARC-Payload-Digest"), response.get("WARC-Payload-Digest"));
    assert!(revisit.block.starts_with(b"HTTP/1.1 200 OK\r\n") && revisit.block.ends_with(b"\r\n\r\n"));

    use sha2::Digest as _;
    for record in &records {
        let digest: String = sha2::Sha256::digest(&record.block).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(record.get("WARC-Block-Digest"), format!("sha256:{digest}"));
    }

    let seeds = entry(&records[1].block);
    assert_eq!(seeds["links"][0]["url"], "http://a/");
    for (record, seq) in [(&records[4], 2), (&records[7], 3), (&records[8], 4)] {
        assert_eq!(record.get("Content-Type"), "application/warc-fields");
        let json = entry(&record.block);
        assert_eq!((json["v"].as_u64(), json["seq"].as_u64()), (Some(1), Some(seq)));
        assert_eq!(json["url"], record.get("WARC-Target-URI"));
    }
    assert_eq!(records[8].get("WARC-Concurrent-To"), "");
}

/// The JSON in the one field of a block.
fn entry(block: &[u8]) -> serde_json::Value {
    let field = std::str::from_utf8(block).unwrap().strip_suffix("\r\n").unwrap();
    serde_json::from_str(field.strip_prefix("dragline: ").unwrap()).unwrap()
}

/// What a server or a page may put where it would become a line of a record's head, or look like one.
fn hostile() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("\r\n".to_owned()),
        Just("\r\n\r\n".to_owned()),
        Just("WARC/1.1\r\nWARC-Type: response\r\n".to_owned()),
        Just("\r\nContent-Length: 0\r\n\r\n".to_owned()),
        Just("%0d%0a".to_owned()),
        Just("\u{85}\u{2028}\0\u{1b}[2J".to_owned()),
        "[ -~]{0,12}",
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(word, 0..6).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// However hostile the words, the records that are read back are those that were written.
    #[test]
    fn nothing_gets_into_a_head(
        path in hostile(), link in hostile(), kind in hostile(), location in hostile(), body in hostile(),
        status in 200u16..600,
    ) {
        let address = format!("http://a.example/{path}");
        prop_assume!(dragline_model::CanonicalUrl::parse(&address).is_ok());
        let dir = tempfile::tempdir().unwrap();
        let store = Store::create_or_open(dir.path(), options()).unwrap();
        let mut writer = store.writer().unwrap();
        let head = format!("HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nETag: {link}\r\nLocation: {location}\r\n\r\n");
        let links = [format!("http://b.example/{link}")];
        let links: Vec<_> = links
            .iter()
            .map(String::as_str)
            .filter(|link| dragline_model::CanonicalUrl::parse(link).is_ok())
            .collect();
        let visits = vec![
            page(1, &address, body.clone()).head(status, &head).links(&links),
            page(2, "http://a.example/after", "after"),
        ];
        commit(&store, &mut writer, visits);
        let url = store.record(1).unwrap().unwrap().url;
        drop((writer, store));

        let records = read(&segments(dir.path())[0]);
        let types: Vec<_> = records.iter().map(|r| r.get("WARC-Type")).collect();
        let want = ["warcinfo", "response", "request", "metadata", "response", "request", "metadata"];
        prop_assert_eq!(types, want);
        for record in &records[1..4] {
            prop_assert_eq!(record.get("WARC-Target-URI"), url.as_str());
            prop_assert!(!url.as_str().contains(|c: char| c.is_control()));
        }
        let block = [head.as_bytes(), body.as_bytes()].concat();
        prop_assert_eq!(&records[1].block, &block);
        let store = Store::open(dir.path(), options()).unwrap();
        let record = store.record(1).unwrap().unwrap();
        prop_assert_eq!(&store.payload(&record).unwrap().body[..], body.as_bytes());
    }
}
