//! The index, beside the archive.
//!
//! Owns the copy of it that may be written to, and the comparison: both are in order of sequence numbers, so that they
//! are gone through side by side, a record at a time.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use dragline_model::CanonicalUrl;

use crate::{
    StoreError,
    fsck::{CheckOptions, Checkup, Finding, REBUILD_IT, Severity},
    groups::Group,
    home::{Home, make_private},
    index::{Audit, Index, Row, Rows, Tree},
    record::Entry,
    schema::{Position, State},
};

/// What the copy may take of memory: everything is read once, in order.
const INDEX_MEMORY: u64 = 64 << 20;

const ALSO_SLOW: &str = "queries may miss it or refuse to answer";

/// A copy of the index, gone with this.
pub(super) struct Copy {
    dir: PathBuf,
    of: PathBuf,
}

impl Copy {
    /// Makes it; without one the reason is told.
    pub(super) fn make(home: &Home, options: &CheckOptions, checkup: &mut Checkup) -> Option<Self> {
        let of = home.index();
        if !of.exists() {
            checkup.add(
                Finding::new(Severity::Note, of, "there is no index")
                    .means("it is made from the archive", "the next opening makes it"),
            );
            return None;
        }
        let scratch = options.scratch.clone().unwrap_or_else(std::env::temp_dir);
        let id = u64::from_be_bytes(home.mark);
        let dir = scratch.join(format!("dragline-check-{id:016x}-{}", std::process::id()));
        let copy = Self { dir, of };
        match fs::create_dir_all(&scratch).and_then(|()| copy_tree(&copy.of, &copy.dir)) {
            Ok(()) => Some(copy),
            Err(error) => {
                let what = format!("it could not be copied to {}: {error}", copy.dir.display());
                checkup.add(Finding::new(Severity::Note, copy.of.clone(), what).means(
                    "the index was not looked at",
                    "name a directory with room for it: TMPDIR=DIR dragline fsck",
                ));
                None
            }
        }
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    make_private(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        match entry.file_type()? {
            kind if kind.is_dir() => copy_tree(&entry.path(), &target)?,
            kind if kind.is_file() => drop(fs::copy(entry.path(), target)?),
            // Nothing of sled's; and a link may lead anywhere.
            _ => {}
        }
    }
    Ok(())
}

/// The comparison, on its way.
pub(super) struct Comparison {
    open: Option<Open>,
}

struct Open {
    index: Index,
    rows: Rows,
    /// The next one of the index.
    ahead: Option<Row>,
    state: State,
    /// What the lists should have by the records.
    should: Audit,
    /// Records that the index alone has.
    alone: u64,
}

impl Comparison {
    /// Opens the copy.
    pub(super) fn begin(copy: Option<&Copy>, checkup: &mut Checkup) -> Self {
        let Some(copy) = copy else { return Self { open: None } };
        let opened = Open::new(copy);
        let open = match opened {
            Ok(open) => {
                checkup.index_compared = true;
                Some(open)
            }
            Err(error) => {
                checkup.add(broken(&copy.of, &error));
                None
            }
        };
        Self { open }
    }

    /// The next group of the archive, which goes on to `reached`.
    pub(super) fn group(
        &mut self,
        home: &Home,
        group: &Group,
        reached: Position,
        checkup: &mut Checkup,
    ) -> Result<(), StoreError> {
        let Some(open) = self.open.as_mut() else { return Ok(()) };
        if let Err(error) = open.group(home, group, reached, checkup) {
            checkup.add(broken(&home.index(), &error));
            self.open = None;
        }
        Ok(())
    }

    /// The archive's end; `state` is what the index should know.
    pub(super) fn end(self, home: &Home, state: &State, checkup: &mut Checkup) {
        let Some(open) = self.open else { return };
        if let Err(error) = open.end(home, state, checkup) {
            checkup.add(broken(&home.index(), &error));
        }
    }
}

/// What is said where sled cannot read on.
fn broken(index: &Path, error: &StoreError) -> Finding {
    let what = match error {
        StoreError::Corrupt { what, .. } | StoreError::IndexDown { what, .. } => what.clone(),
        other => other.to_string(),
    };
    Finding::new(Severity::Derived, index.to_owned(), what)
        .means("the index cannot be read; everything in it is in the archive", REBUILD_IT)
}

impl Open {
    fn new(copy: &Copy) -> Result<Self, StoreError> {
        let (tree, moved) = Tree::open(copy.dir.clone(), INDEX_MEMORY)?;
        if let Some(moved) = moved {
            let _ = fs::remove_dir_all(moved);
            return Err(StoreError::corrupt(&copy.of, "sled does not open it", REBUILD_IT));
        }
        let tree = Arc::new(tree);
        // What a killed process had yet to write behind is no damage.
        tree.catch_up()?;
        let index = Index::new(tree);
        let state = index.state()?;
        let mut rows = index.rows(1)?;
        let ahead = rows.next().transpose()?;
        Ok(Self { index, rows, ahead, state, should: Audit::default(), alone: 0 })
    }

    fn group(
        &mut self,
        home: &Home,
        group: &Group,
        reached: Position,
        checkup: &mut Checkup,
    ) -> Result<(), StoreError> {
        let (seq, url) = match &group.entry {
            Entry::Page(record) => (record.seq, Some(&record.url)),
            Entry::Seeds { seq, .. } => (*seq, None),
        };
        while let Some(row) = self.ahead.take_if(|row| row.seq < seq) {
            self.alone(home, &row, checkup);
            self.ahead = self.rows.next().transpose()?;
        }
        if reached > self.state.reached {
            return Ok(());
        }
        let text = url.map_or("", CanonicalUrl::as_str);
        let finding = |what: String| {
            Finding::new(Severity::Derived, home.index(), what).of(seq, text).means(ALSO_SLOW, REBUILD_IT)
        };
        match self.ahead.take_if(|row| row.seq == seq) {
            None => checkup.add(finding(format!("record {seq} is in the archive and not in the index"))),
            Some(row) => {
                if row.location != group.location {
                    checkup.add(finding(format!("record {seq} stands elsewhere in the archive")));
                }
                if row.json() != group.json {
                    checkup.add(finding(format!("record {seq} reads otherwise than in the archive")));
                }
                self.expect(&row);
                self.ahead = self.rows.next().transpose()?;
            }
        }
        Ok(())
    }

    /// Notes what the lists must have of a record. One that cannot be read is told of elsewhere.
    fn expect(&mut self, row: &Row) {
        let _ = self.should.add_row(row);
    }

    /// A record that the index alone has.
    fn alone(&mut self, home: &Home, row: &Row, checkup: &mut Checkup) {
        self.alone += 1;
        self.expect(row);
        let url = match Entry::parse(row.json()) {
            Ok(Entry::Page(record)) => record.url.to_string(),
            _ => String::new(),
        };
        let what = format!("record {} is in the index and not in the archive", row.seq);
        checkup.add(Finding::new(Severity::Lost, home.index(), what).of(row.seq, &url).means(
            "the archive lost it; a rebuild would lose the record too",
            "restore the archive from a copy, or `dragline export --format jsonl` first and fetch the URL again",
        ));
    }

    fn end(mut self, home: &Home, state: &State, checkup: &mut Checkup) -> Result<(), StoreError> {
        while let Some(row) = self.ahead.take() {
            self.alone(home, &row, checkup);
            self.ahead = self.rows.next().transpose()?;
        }
        let derived =
            |what: String| Finding::new(Severity::Derived, home.index(), what).means(ALSO_SLOW, REBUILD_IT);
        for what in self.index.audit()?.differences(&self.should) {
            checkup.add(derived(what));
        }
        if self.state.reached > state.reached {
            checkup.add(Finding::new(Severity::Lost, home.archive(), "it ends before the index does").means(
                "the end of the archive was cut off",
                "put back what is missing, or run `dragline rebuild` to go on with what is there",
            ));
        } else if self.state.reached < state.reached {
            let behind = state.last_seq.saturating_sub(self.state.last_seq);
            checkup.add(
                Finding::new(
                    Severity::Note,
                    home.index(),
                    format!("it is {behind} records behind the archive"),
                )
                .means("a process was killed before it had written them", "the next opening adds them"),
            );
        } else if self.alone == 0
            && (self.state.entries, self.state.last_seq, self.state.totals)
                != (state.entries, state.last_seq, state.totals)
        {
            checkup.add(derived("its sums are not those of the archive".to_owned()));
        }
        Ok(())
    }
}
