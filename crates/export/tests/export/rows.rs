//! Rows in JSONL and CSV.

use std::fs;

use dragline_export::{Body, ExportError, Format, Partition, Shape};
use dragline_extract::{SelectLimits, Selection};
use serde_json::Value;

use crate::world::{HOSTILE, World, files, run};

fn lines(bytes: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(bytes).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_line_a_record() {
    let world = World::of(40);
    let out = world.out("all.jsonl");
    let mut export = world.export(Format::Jsonl, &out);
    export.shape = Shape::Records(Body::Bytes);
    let progress = run(&export).unwrap();
    assert_eq!((progress.records, progress.rows, progress.failed, progress.files), (40, 40, 0, 1));
    let rows = lines(&fs::read(&out).unwrap());
    let records: Vec<_> =
        world.store.pages().with_failures().with_robots().records().unwrap().map(Result::unwrap).collect();
    assert_eq!(rows.len(), records.len());
    for (row, record) in rows.iter().zip(&records) {
        assert_eq!(row["seq"], record.seq);
        assert_eq!(row["url"], record.url.as_str());
        assert_eq!(row["status"], record.status.map_or(Value::Null, Into::into));
        let detail = record.error.as_ref().map_or(Value::Null, |error| error.detail.clone().into());
        assert_eq!(row["detail"], detail);
        assert_eq!(row["body_base64"].is_null(), record.status.is_none());
    }
    assert!(records.iter().any(|record| record.error.as_ref().is_some_and(|it| it.detail.contains('\0'))));
    // Nothing but the file is left.
    assert_eq!(files(world.dir.path()).keys().filter(|name| name.starts_with("all")).count(), 1);
    assert!(matches!(run(&export), Err(ExportError::Occupied { .. })));
}

#[test]
fn rows_that_are_selected() {
    let world = World::of(40);
    let out = world.out("rows.jsonl");
    let mut export = world.export(Format::Jsonl, &out);
    let selection = Selection::parse(["name=/name", "h=h1", "list[]=/list"]).unwrap();
    let limits = SelectLimits::default();
    export.shape = Shape::Selected { selection, words: "x".into(), only: true, limits };
    export.query = world.store.pages().status(200..=200);
    let progress = run(&export).unwrap();
    let rows = lines(&fs::read(&out).unwrap());
    assert_eq!(progress.rows, rows.len() as u64);
    assert!(
        rows.iter().any(|row| row["name"] == HOSTILE[1] && row["list"] == serde_json::json!([1, null, true]))
    );
    assert!(rows.iter().any(|row| row["h"].is_string()));
    assert!(rows.iter().all(|row| row.as_object().unwrap().len() == 3));
    // What is neither is told.
    assert!(progress.failed > 0 && progress.failed + progress.nothing + progress.rows == progress.records);
}

#[test]
fn folders_hold_their_own_and_lead_nowhere() {
    let world = World::of(60);
    for (partition, folders) in [
        (Partition::Host, &["host=h0.example", "host=h1.example", "host=h2.example"][..]),
        (Partition::Status, &["status=200", "status=304", "status=404", "status=__HIVE_DEFAULT_PARTITION__"]),
        (Partition::Day, &["day=2026-01-01", "day=2026-01-02", "day=2026-01-03"]),
    ] {
        let out = world.out(&partition.to_string());
        let mut export = world.export(Format::Csv, &out);
        (export.partition, export.rows_per_file) = (partition, Some(5));
        let progress = run(&export).unwrap();
        let found = files(&out);
        assert_eq!(found.len() as u64, progress.files + 1, "the account is beside them: {:?}", found.keys());
        let mut of_folders: Vec<&str> =
            found.keys().filter_map(|name| name.split_once('/').map(|it| it.0)).collect();
        of_folders.dedup();
        assert_eq!(of_folders, folders);
        let rows: usize = found
            .iter()
            .filter(|(name, _)| name.ends_with(".csv"))
            // Quoted line ends are followed by no number.
            .map(|(name, bytes)| {
                let text = String::from_utf8(bytes.clone()).unwrap();
                let rows =
                    text.split("\r\n").filter(|row| row.starts_with(|c: char| c.is_ascii_digit())).count();
                assert!(text.starts_with("seq,url,status,") && rows <= 5, "{name}");
                rows
            })
            .sum();
        assert_eq!(rows, 60);
        assert!(run(&export).unwrap().was_whole);
    }
}

#[test]
fn what_is_there_already_stays() {
    let world = World::of(10);
    let out = world.out("taken");
    fs::create_dir(&out).unwrap();
    fs::write(out.join("letter.txt"), "dear all").unwrap();
    let export = world.export(Format::Jsonl, &out);
    assert!(matches!(run(&export), Err(ExportError::Occupied { .. })));
    assert_eq!(files(&out).len(), 1);
    // Another query, or another format, does not mix with an export that was begun.
    let out = world.out("mine/");
    let mut export = world.export(Format::Jsonl, &out);
    run(&export).unwrap();
    export.query_words = "something else".into();
    assert!(matches!(run(&export), Err(ExportError::Another { .. })));
    export = world.export(Format::Csv, &out);
    assert!(matches!(run(&export), Err(ExportError::Another { .. })));
    export = world.export(Format::Warc, world.out("x.warc.gz"));
    export.shape = Shape::Records(Body::Text);
    assert!(matches!(run(&export), Err(ExportError::Unfit(_))));
}
