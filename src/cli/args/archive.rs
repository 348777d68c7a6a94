//! What can be said to the commands that look after a store's archive.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use crate::config::{ByteSize, Span};

#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Reads every byte of the archive, compares the index with it in both directions, and reads the frontier's\nfiles. Writes nothing: `dragline rebuild` mends what can be mended. The index is copied to a directory for\ntemporary files first (TMPDIR), because it cannot be read without writing.\n\nExit codes: 0 sound, 1 damage found, 2 no such store.\n\nExamples:\n  dragline fsck --store example-data\n  dragline fsck --payloads --json | jq '.findings[]'"
)]
pub(in crate::cli) struct FsckArgs {
    /// Compute every digest too, and look for the payload of every revisit
    #[arg(long)]
    pub payloads: bool,
    /// As one object of JSON
    #[arg(long)]
    pub json: bool,
    /// There is no such option: this says what to do instead
    #[arg(long, hide = true)]
    pub repair: bool,
    /// Where the copy of the index goes [default: the system's directory for temporary files]
    #[arg(long, value_name = "DIR")]
    pub scratch: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Takes in WARC files of any tool (0.17 to 1.1, plain, gzip, a gzip member a record): responses, resources and\nrevisits become records with their own dates, requests go with their responses, everything else is counted. Their\nURLs are known afterwards, and are not asked for again. The same file twice adds nothing; one that was interrupted\nis imported again.\n\nExit codes: 0 everything was read, 1 a file is damaged or could not be read.\n\nExamples:\n  dragline import theirs.warc.gz --store example-data\n  dragline import crawl-*.warc.gz --store example-data --json"
)]
pub(in crate::cli) struct ImportArgs {
    /// WARC files
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Pass over records larger than this, as in 64MiB: each is held in memory
    #[arg(long, value_name = "SIZE", default_value = "256MiB")]
    pub max_record: ByteSize,
    /// The summary as one object of JSON, on standard output
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, ClapArgs)]
#[command(
    after_help = "What falls out of one of the limits loses its payload and its request; the record itself stays, says so, and is\nnot asked for again. A payload that a kept record has too is kept. The new archive is written beside the old one and\nthen takes its place: killed at any moment, the store is the old one or the new one. Room for both is needed.\n\nExamples:\n  dragline compact --keep-count 3 --dry-run --store example-data\n  dragline compact --keep-age 90d --store example-data\n  dragline compact --max-size 20GiB --forget --store example-data"
)]
pub(in crate::cli) struct CompactArgs {
    /// Keep the payloads of what was fetched within this time, as in 90d
    #[arg(long, value_name = "D")]
    pub keep_age: Option<Span>,
    /// Keep the payloads of the last N responses of each URL; 1 at least
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub keep_count: Option<u64>,
    /// Let payloads fall, the oldest first, until the archive is no larger than this, as in 20GiB
    #[arg(long, value_name = "SIZE")]
    pub max_size: Option<ByteSize>,
    /// Forget the records that fall out too, all but their URLs
    #[arg(long)]
    pub forget: bool,
    /// Leave behind what is damaged; a damaged archive is refused otherwise
    #[arg(long)]
    pub drop_damaged: bool,
    /// Say what it would do, and do nothing
    #[arg(long)]
    pub dry_run: bool,
}
