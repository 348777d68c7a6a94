//! What can be said to the commands that look after a store's archive.

use std::path::PathBuf;

use clap::Args as ClapArgs;

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
