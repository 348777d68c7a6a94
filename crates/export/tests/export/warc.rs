//! WARC files of a query.

use std::{collections::BTreeMap, fs, io::Read as _, ops::ControlFlow};

use dragline_export::Format;

use crate::world::{World, body, run};

/// The records of a file: type, id, URL, what it refers to, and the block.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Read {
    head: BTreeMap<String, String>,
    block: Vec<u8>,
}

fn read(bytes: &[u8]) -> Vec<Read> {
    let mut text = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut text).unwrap();
    let mut rest = &text[..];
    let mut records = Vec::new();
    while !rest.is_empty() {
        let end = rest.windows(4).position(|it| it == b"\r\n\r\n").unwrap();
        let lines = std::str::from_utf8(&rest[..end]).unwrap();
        assert!(lines.starts_with("WARC/1.1\r\n"));
        let head: BTreeMap<String, String> = lines
            .lines()
            .skip(1)
            .map(|line| {
                line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned())).unwrap()
            })
            .collect();
        let length: usize = head["Content-Length"].parse().unwrap();
        let block = rest[end + 4..end + 4 + length].to_vec();
        assert_eq!(&rest[end + 4 + length..end + 8 + length], b"\r\n\r\n");
        rest = &rest[end + 8 + length..];
        records.push(Read { head, block });
    }
    records
}

#[test]
fn every_revisit_has_its_payload_in_the_file() {
    let world = World::of(60);
    // All of it: revisits stay as they are.
    let out = world.out("all.warc.gz");
    run(&world.export(Format::Warc, &out)).unwrap();
    let all = read(&fs::read(&out).unwrap());
    assert_eq!(all[0].head["WARC-Type"], "warcinfo");
    assert!(String::from_utf8_lossy(&all[0].block).contains("everything"));
    let of = |records: &[Read], kind: &str| records.iter().filter(|it| it.head["WARC-Type"] == kind).count();
    assert!(of(&all, "revisit") > 5, "{} revisits", of(&all, "revisit"));
    assert_eq!(of(&all, "metadata"), 60);
    // Only those that refer to others: their payloads are written out.
    let out = world.out("some.warc.gz");
    let mut export = world.export(Format::Warc, &out);
    export.wants = Box::new(|record| record.payload_of.is_some());
    let progress = run(&export).unwrap();
    let some = read(&fs::read(&out).unwrap());
    assert_eq!(of(&some, "metadata") as u64, progress.rows);
    assert!(of(&some, "revisit") > 0, "those of 304s, whose responses are there too");
    let ids: Vec<&String> = some
        .iter()
        .filter(|it| it.head["WARC-Type"] == "response")
        .map(|it| &it.head["WARC-Record-ID"])
        .collect();
    for record in &some {
        match &*record.head["WARC-Type"] {
            "revisit" => assert!(ids.contains(&&record.head["WARC-Refers-To"])),
            "response" => {
                let n: u64 =
                    record.head["WARC-Target-URI"].split(['/', '?']).nth(4).unwrap().parse().unwrap();
                assert!(record.block.ends_with(&body(n)) && !body(n).is_empty(), "{n}");
            }
            _ => {}
        }
    }
}

#[test]
fn stopped_and_gone_on_with_it_has_the_same_records() {
    let world = World::of(60);
    let out = world.out("a.warc.gz");
    run(&world.export(Format::Warc, &out)).unwrap();
    let want = read(&fs::read(&out).unwrap());
    let out = world.out("b.warc.gz");
    for stop in [20, 9, 31, 100] {
        let mut seen = 0;
        world
            .export(Format::Warc, &out)
            .run(&mut |_| {
                seen += 1;
                if seen > stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
            .unwrap();
    }
    // The first says the name of its file.
    assert_eq!(&read(&fs::read(&out).unwrap())[1..], &want[1..]);
}
