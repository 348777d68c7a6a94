//! `dragline rebuild`: makes a store's index anew from its archive.

use super::{Trouble, args::Args, screen, text::grouped};
use crate::storage::{Options, Store};

pub(super) fn run(args: &Args) -> Result<u8, Trouble> {
    let config = args.config()?;
    let rebuilt = Store::rebuild(&config.store, Options::default())?;
    screen::say(&format!("{} records indexed from the archive", grouped(rebuilt.records)));
    Ok(0)
}
