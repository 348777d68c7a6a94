//! The key of a store's fingerprints outlives the process that drew it.
//!
//! A process has one key, so every process here is one: this test runs itself.

// Allowed in tests, but helpers outside of `#[test]` functions are not seen as such.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed run with a line number")]

use std::{env, path::Path, process::Command, sync::Arc, time::Duration};

use dragline_model::{
    CanonicalUrl, Failure, FailureKind, Fingerprint, Harvest, Link, Outcome, Timestamp, Visit, VisitId,
};
use dragline_storage::{DecodedFacts, Options, Store};

/// The store, for the processes that this test runs.
const STORE: &str = "KEPT_KEY_STORE";
/// Set where a process makes a fingerprint before it opens the store.
const HASTY: &str = "KEPT_KEY_HASTY";
/// What a process says begins with this.
const SAID: &str = "said ";

#[test]
fn the_next_process_adopts_the_key() {
    if let Some(dir) = env::var_os(STORE) {
        return work(Path::new(&dir), env::var_os(HASTY).is_some());
    }
    let dir = tempfile::tempdir().unwrap();
    let run = |hasty: bool| {
        let mut child = Command::new(env::current_exe().unwrap());
        child.args(["--exact", "the_next_process_adopts_the_key", "--nocapture"]).env(STORE, dir.path());
        if hasty {
            child.env(HASTY, "1");
        }
        let done = child.output().unwrap();
        let text = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(done.status.success(), "{text}");
        // The harness says something of its own on the same line.
        let at = text.find(SAID).unwrap() + SAID.len();
        let said: Vec<u64> =
            text[at..].lines().next().unwrap().split(' ').map(|word| word.parse().unwrap()).collect();
        (said[0], said[1], said[2])
    };
    let (fingerprint, read, known) = run(false);
    assert_eq!((read, known), (0, 0));
    // Each adds a page and a link.
    assert_eq!(run(false), (fingerprint, 0, 2));
    assert_eq!(run(false), (fingerprint, 0, 4));
    // A key of its own: what was kept means nothing to it, and is made anew.
    let (other, read, known) = run(true);
    assert_ne!(other, fingerprint);
    assert_eq!((read, known), (3, 6));
    assert_eq!(run(false), (other, 0, 8));
}

fn work(dir: &Path, hasty: bool) {
    let url = |n: u64| CanonicalUrl::parse(&format!("http://a/{n}")).unwrap();
    if hasty {
        Fingerprint::of(&url(0));
    }
    let options = Options { sync_every: Duration::from_secs(3600), ..Options::default() };
    let store = Store::create_or_open(dir, options).unwrap();
    let mut writer = store.writer().unwrap();
    println!("{SAID}{} {} {}", Fingerprint::of(&url(0)).bits(), writer.records_read(), writer.known());
    let n = writer.known();
    let outcome = Outcome::Failure(Failure::new(FailureKind::Dns, "no"));
    let bare = Harvest::bare(Visit::first(VisitId(n + 1), url(n)), Timestamp(n), outcome);
    // A link that is known already, and one that is not.
    let links = vec![Link::seed(url(n.saturating_sub(1))), Link::seed(url(n + 1))];
    let parcel = Arc::new(store.sealer().seal(Harvest { links, ..bare }, DecodedFacts::default()));
    let receipts = writer.commit(&[parcel]).unwrap();
    let new: Vec<_> = receipts[0].new_links.iter().map(|link| link.url.clone()).collect();
    assert_eq!(new, [url(n + 1)]);
    writer.sync().unwrap();
}
