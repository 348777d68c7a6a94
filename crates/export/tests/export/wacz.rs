//! WACZ files, and indices of the archive.

use std::{collections::BTreeMap, fs, io::Read as _, ops::ControlFlow, path::Path};

use dragline_export::{ExportError, Format};
use serde_json::Value;

use crate::world::{World, run};

/// The entries of a zip of stored files, by its directory.
fn entries(zip: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let short = |at: usize| usize::from(u16::from_le_bytes([zip[at], zip[at + 1]]));
    let long = |at: usize| u32::from_le_bytes(zip[at..at + 4].try_into().unwrap()) as usize;
    let end = zip.len() - 22;
    assert_eq!(&zip[end..end + 4], b"PK\x05\x06");
    let mut at = long(end + 16);
    let mut found = BTreeMap::new();
    for _ in 0..short(end + 10) {
        assert_eq!((&zip[at..at + 4], short(at + 10)), (&b"PK\x01\x02"[..], 0), "stored");
        let (bytes, name, local) = (long(at + 24), short(at + 28), long(at + 42));
        let text = String::from_utf8(zip[at + 46..at + 46 + name].to_vec()).unwrap();
        let begin = local + 30 + short(local + 26) + short(local + 28);
        found.insert(text, zip[begin..begin + bytes].to_vec());
        at += 46 + name + short(at + 30);
    }
    found
}

fn unpacked(gzip: &[u8]) -> String {
    let mut text = Vec::new();
    flate2::read::MultiGzDecoder::new(gzip).read_to_end(&mut text).unwrap();
    String::from_utf8_lossy(&text).into_owned()
}

/// Each line's member is one WARC record of the URL that the line speaks of; the number of lines.
fn check(index: &str, file: impl Fn(&str) -> Vec<u8>) -> usize {
    let lines: Vec<&str> = index.lines().collect();
    assert!(lines.is_sorted());
    for line in &lines {
        let said: Value = serde_json::from_str(line.splitn(3, ' ').nth(2).unwrap()).unwrap();
        let number = |name: &str| said[name].as_str().unwrap().parse::<usize>().unwrap();
        let (offset, length) = (number("offset"), number("length"));
        let warc = file(said["filename"].as_str().unwrap());
        let record = unpacked(&warc[offset..offset + length]);
        let url = said["url"].as_str().unwrap();
        let kind = if said["mime"] == "warc/revisit" { "revisit" } else { "response" };
        assert!(record.contains(&format!("WARC-Target-URI: {url}\r\n")), "{line}");
        assert!(record.contains(&format!("WARC-Type: {kind}\r\n")), "{line}");
        assert!(record.contains(&format!("HTTP/1.1 {} ", said["status"].as_str().unwrap())), "{line}");
    }
    lines.len()
}

#[test]
fn a_wacz_has_what_its_lists_say() {
    let world = World::of(60);
    let out = world.out("all.wacz");
    let progress = run(&world.export(Format::Wacz, &out)).unwrap();
    let entries = entries(&fs::read(&out).unwrap());
    let responses = world.store.pages().with_robots().records().unwrap().count();
    let lines = check(&unpacked(&entries["indexes/index.cdx.gz"]), |name| {
        entries[&format!("archive/{name}")].clone()
    });
    assert_eq!((lines, progress.rows), (responses, 60));
    let package: Value = serde_json::from_slice(&entries["datapackage.json"]).unwrap();
    assert_eq!(package["wacz_version"], "1.1.1");
    for resource in package["resources"].as_array().unwrap() {
        let entry = &entries[resource["path"].as_str().unwrap()];
        assert_eq!(resource["bytes"], entry.len());
    }
    let pages: Vec<Value> = std::str::from_utf8(&entries["pages/pages.jsonl"])
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(pages[0]["format"], "json-pages-1.0");
    assert!(pages.len() > 3 && pages[1..].iter().all(|page| page["title"].is_string()), "{pages:?}");
    assert!(matches!(run(&world.export(Format::Wacz, &out)), Err(ExportError::Occupied { .. })));
}

#[test]
fn a_wacz_that_was_stopped_is_begun_anew() {
    let world = World::of(30);
    let out = world.out("all.wacz");
    let export = world.export(Format::Wacz, &out);
    let mut seen = 0;
    let stopped = export.run(&mut |_| {
        seen += 1;
        if seen > 12 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert!(stopped.unwrap().stopped && !out.exists());
    run(&export).unwrap();
    assert!(out.exists());
    let left = fs::read_dir(world.dir.path()).unwrap().map(|it| it.unwrap().file_name());
    assert_eq!(left.filter(|name| name.to_string_lossy().starts_with("all")).count(), 1);
}

#[test]
fn an_index_leads_into_the_store_itself() {
    let world = World::of(60);
    let out = world.out("all.cdxj");
    run(&world.export(Format::Cdxj, &out)).unwrap();
    // Nor does an index of a crawl that runs, or was killed, name what will be renamed.
    assert!(!fs::read_to_string(&out).unwrap().contains(".open"));
    let archive = world.store.archive_dir();
    let segment = |name: &str| {
        // The one that is being written says so in its name.
        let open = archive.join(format!("{name}.open"));
        fs::read(if Path::exists(&open) { open } else { archive.join(name) }).unwrap()
    };
    let lines = check(&fs::read_to_string(&out).unwrap(), segment);
    assert_eq!(lines, world.store.pages().with_robots().records().unwrap().count());
}
