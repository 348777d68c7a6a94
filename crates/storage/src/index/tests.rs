//! What the index makes of entries that come in any order, and of an index of another time.

use std::{collections::BTreeSet, fs, path::Path};

use proptest::prelude::*;

use super::{merge::Batch, *};
use crate::{
    Options, Recovery, Store, StoreError,
    schema::{
        FORMAT_KEY,
        pieces::{Packing, TimeList},
    },
    writer::tests::{parcels, seqs},
};

fn tree(dir: &Path) -> Arc<Tree> {
    Arc::new(Tree::open(dir.to_owned(), 4 << 20).unwrap().0)
}

/// Puts batches in, and reads the list after each: whole, backwards, and from and up to an entry.
fn check<P: Packing + Clone>(packing: P, batches: Vec<Vec<P::Entry>>)
where
    P::Entry: std::fmt::Debug,
{
    let dir = tempfile::tempdir().unwrap();
    let tree = tree(dir.path());
    let mut want = BTreeSet::new();
    let read = |span: Span| Packed::new(tree.clone(), packing.clone(), span).unwrap();
    for mut new in batches {
        new.sort();
        new.dedup();
        want.extend(new.iter().cloned());
        let middle = new.get(new.len() / 2).cloned();
        let mut batch = Batch::new(&tree);
        batch.merge(&packing, new).unwrap();
        batch.apply().unwrap();

        let all = Span::of_prefix(packing.prefix());
        let found: Vec<_> = read(all.clone()).map(Result::unwrap).collect();
        assert!(found.iter().eq(&want), "{found:?}, not {want:?}");
        assert!(read(all.clone()).rev().map(Result::unwrap).eq(want.iter().rev().cloned()));
        if let Some(middle) = middle {
            let at = packing.key(&middle);
            let from = Span { start: at.clone(), ..all.clone() };
            assert!(read(from.clone()).map(Result::unwrap).eq(want.range(&middle..).cloned()));
            let until = Span { end: at, ..all };
            assert!(read(until.clone()).map(Result::unwrap).eq(want.range(..&middle).cloned()));
            assert!(read(until).rev().map(Result::unwrap).eq(want.range(..&middle).rev().cloned()));
            let mut both = read(from);
            let first = both.next().map(Result::unwrap);
            let rest = both.rev().map(Result::unwrap);
            assert!(rest.chain(first).eq(want.range(&middle..).rev().cloned()));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn visits_in_any_order(
        batches in prop::collection::vec(prop::collection::vec(("[a-d]{0,6}", 0u64..9), 0..120), 1..6),
    ) {
        let url = |(text, seq): (String, u64)| (format!("u{text},)/\0h").into_bytes(), seq);
        check(UrlList, batches.into_iter().map(|some| some.into_iter().map(url).collect()).collect());
    }

    #[test]
    fn moments_nearly_in_order(
        batches in prop::collection::vec(prop::collection::vec(0u64..3000, 0..400), 1..6),
    ) {
        let mut seq = 0;
        let mut time = |n: usize, jitter: u64| { seq += 1; (n as u64 * 1000 + jitter, seq) };
        let batches = batches.into_iter().enumerate();
        check(TimeList, batches.map(|(n, some)| some.into_iter().map(|ms| time(n, ms)).collect()).collect());
    }

    #[test]
    fn records_in_order_and_again(lengths in prop::collection::vec(0usize..4000, 1..60), cut in 0usize..60) {
        let records: Vec<_> = (1u64..).zip(&lengths).map(|(seq, n)| (seq, Bytes::from(vec![b'x'; *n]))).collect();
        let cut = cut % records.len();
        check(RecordList, vec![records[..cut].to_vec(), records[cut / 2..].to_vec(), records.clone()]);
    }
}

/// One split moves entries from one piece to another: a reader that is between the two meets each once.
#[test]
fn a_split_under_a_reader() {
    let dir = tempfile::tempdir().unwrap();
    let tree = tree(dir.path());
    let put = |numbers: &mut dyn Iterator<Item = u64>| {
        let visits = numbers.map(|n| (format!("ua,)/{n:04}\0h").into_bytes(), 1)).collect();
        let mut batch = Batch::new(&tree);
        batch.merge(&UrlList, visits).unwrap();
        batch.apply().unwrap();
    };
    put(&mut (0..400).map(|n| n * 10));
    let mut reader = Packed::new(tree.clone(), UrlList, Span::of_prefix(b"u")).unwrap();
    let mut found = vec![reader.next().unwrap().unwrap()];
    put(&mut (0..4000).filter(|n| n % 10 != 0));
    found.extend(reader.map(Result::unwrap));
    assert!(found.is_sorted_by(|a, b| a < b));
    let tens = |url: &[u8]| url.ends_with(b"0\0h");
    assert_eq!(found.iter().filter(|(url, _)| tens(url)).count(), 400);
}

fn options() -> Options {
    Options { index_memory: 4 << 20, ..Options::default() }
}

/// As if an older or a newer program had written the index.
fn spoil(dir: &Path, number: Option<u32>) {
    let db = sled::open(dir.join("index")).unwrap();
    match number {
        Some(number) => drop(db.insert(FORMAT_KEY, &number.to_be_bytes()).unwrap()),
        None => drop(db.remove(FORMAT_KEY).unwrap()),
    }
    // What it says of records is not for us to read.
    for pair in db.scan_prefix(b"r") {
        db.insert(pair.unwrap().0, b"?").unwrap();
    }
    db.flush().unwrap();
}

#[test]
fn an_index_of_another_format_is_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(dir.path(), options()).unwrap();
    let mut writer = store.writer().unwrap();
    writer.commit(&parcels(&store, 1..40)).unwrap();
    let want = seqs(&store);
    drop((writer, store));
    for number in [None, Some(1), Some(77)] {
        spoil(dir.path(), number);
        let store = Store::open(dir.path(), options()).unwrap();
        assert_eq!(store.recovered(), Recovery { records: 39, ..Recovery::default() });
        assert_eq!(seqs(&store), want);
        drop(store);
        assert!(Store::open(dir.path(), options()).unwrap().recovered().is_clean());
    }
    // Without the archive, what there is is left as it is.
    spoil(dir.path(), None);
    fs::rename(dir.path().join("archive"), dir.path().join("elsewhere")).unwrap();
    assert!(matches!(Store::open(dir.path(), options()), Err(StoreError::Corrupt { .. })));
    fs::remove_dir(dir.path().join("archive")).unwrap();
    fs::rename(dir.path().join("elsewhere"), dir.path().join("archive")).unwrap();
    assert_eq!(seqs(&Store::open(dir.path(), options()).unwrap()), want);
}
