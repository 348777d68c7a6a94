//! Imports run one way, and each foreign library has one importer.

#![allow(clippy::expect_used, reason = "a failed expectation is a failed test")]

use std::{collections::BTreeSet, fs, path::Path};

/// The names under `[dependencies]` of a manifest.
fn dependencies(folder: &str) -> BTreeSet<String> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join("Cargo.toml");
    let text = fs::read_to_string(&manifest).expect("every crate has a manifest");
    let names = text
        .lines()
        .skip_while(|line| *line != "[dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .filter(|name| !name.is_empty() && !name.starts_with('#'));
    names.map(str::to_owned).collect()
}

fn ours(folder: &str) -> Vec<String> {
    dependencies(folder)
        .into_iter()
        .filter_map(|name| name.strip_prefix("dragline-").map(str::to_owned))
        .collect()
}

#[test]
fn imports_run_one_way() {
    for (folder, allowed) in [
        ("crates/model", &[][..]),
        ("crates/coding", &[]),
        ("crates/cookies", &["model"]),
        ("crates/politeness", &["model"]),
        ("crates/fakeweb", &[]),
        ("crates/frontier", &["model", "politeness"]),
        ("crates/fetch", &["model", "cookies"]),
        ("crates/extract", &["model", "coding"]),
        ("crates/storage", &["model", "coding"]),
        ("crates/export", &["model", "extract", "storage"]),
        ("crates/gather", &["model", "coding", "cookies", "fetch", "frontier"]),
        (
            "crates/actors",
            &["model", "coding", "cookies", "extract", "fetch", "frontier", "politeness", "storage"],
        ),
    ] {
        for used in ours(folder) {
            assert!(allowed.contains(&used.as_str()), "{folder} must not depend on {used}");
        }
    }
}

#[test]
fn each_library_has_one_importer() {
    let crates =
        fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("crates")).expect("there are crates");
    let mut folders: Vec<String> = crates
        .map(|entry| format!("crates/{}", entry.expect("the folder lists").file_name().to_string_lossy()))
        .collect();
    folders.push(".".into());
    assert!(folders.len() > 8);
    for (library, importers) in [
        ("sled", &["crates/storage"][..]),
        ("awc", &["crates/fetch"]),
        ("actix-http", &["crates/fetch"]),
        ("actix", &["crates/actors"]),
        ("encoding_rs", &["crates/extract"]),
        ("quick-xml", &["crates/extract"]),
        ("scraper", &["crates/extract"]),
        ("clap", &["."]),
    ] {
        for folder in &folders {
            let uses = dependencies(folder).contains(library);
            assert!(!uses || importers.contains(&folder.as_str()), "{folder} must not depend on {library}");
        }
    }
}
