//! A crawl as its store remembers it: its settings, and its frontier brought up to the last record.
//!
//! Owns the way back from what is kept to what a crawl would begin with. Reads only: nothing is put into the store.

use std::{
    io,
    sync::Arc,
    time::{Instant, SystemTime},
};

use dragline_frontier::{ChunkId, Counts, Frontier, Limits, MemoryTails, RetryTable, Scope, Tails};
use dragline_model::{Blame, Normaliser, Settled, VisitId};
use dragline_politeness::{Epoch, Stamp, product_token};

use super::{Trouble, args::Args, screen};
use crate::{
    config::{Config, KeptSettings},
    manners,
    model::CanonicalUrl,
    storage::{self, Replayed, Store},
};

/// Seeds that are looked for in a store which does not keep its settings.
const SEEDS_MAX: usize = 10_000;

/// See the module's documentation.
pub(super) struct Remembered {
    pub config: Config,
    pub seeds: Vec<CanonicalUrl>,
    pub normaliser: Normaliser,
    pub scope: Arc<Scope>,
    /// Whom robots.txt files know the crawl by.
    pub agent: Arc<str>,
    pub limits: Limits,
    pub frontier: Frontier,
    pub now: Stamp,
}

impl Remembered {
    /// Reads it all: a moment for each ten thousand URLs that wait, and the records behind the last checkpoint.
    pub(super) fn read(store: &Store, args: &Args) -> Result<Self, Trouble> {
        let (config, seeds) = settings(store, args)?;
        let normaliser = config.crawl.normaliser()?;
        let scope = Arc::new(config.crawl.scope(&seeds)?);
        let agent: Arc<str> = product_token(&config.user_agent).into();
        let limits = manners::limits(&config, scope.clone(), agent.clone())?;
        let now = Epoch::new(Instant::now(), SystemTime::now()).stamp(Instant::now());
        let frontier = frontier(store, &limits, now)?;
        Ok(Self { config, seeds, normaliser, scope, agent, limits, frontier, now })
    }
}

/// The settings of the last run with those of this command over them, and the seeds.
pub(super) fn settings(store: &Store, args: &Args) -> Result<(Config, Vec<CanonicalUrl>), Trouble> {
    let kept = match store.settings()? {
        None => None,
        Some(json) => match KeptSettings::parse(&json) {
            Ok(kept) => Some(kept),
            Err(why) => {
                screen::say(&format!("the settings in crawl.json are passed over: {why}"));
                None
            }
        },
    };
    let config = args.config_over(kept.as_ref())?;
    let seeds = match kept {
        Some(kept) => kept.seeds,
        None => store.seeds(SEEDS_MAX)?,
    };
    Ok((config, seeds))
}

/// The frontier of the last checkpoint and what was committed since; without one, what the records leave to do.
fn frontier(store: &Store, limits: &Limits, now: Stamp) -> Result<Frontier, Trouble> {
    let mut frontier = match of_checkpoint(store, limits, now)? {
        Some(frontier) => frontier,
        None => of_records(store, limits, now)?,
    };
    frontier.end_replay();
    let totals = store.facts()?;
    let done = Counts { pages: totals.pages, responses: totals.responses, ..Counts::default() };
    frontier.resume(done, now);
    Ok(frontier)
}

fn of_checkpoint(store: &Store, limits: &Limits, now: Stamp) -> Result<Option<Frontier>, Trouble> {
    let Some(checkpoint) = store.checkpoints().read() else { return Ok(None) };
    let mut frontier = empty(store, limits)?;
    // What was parked stays so: why is the question.
    if let Err(error) = frontier.restore(&checkpoint.bytes, checkpoint.clean, now) {
        screen::say(&format!("the checkpoint cannot be used ({error}): all records are read"));
        return Ok(None);
    }
    store.replay(checkpoint.seq, |it| match it {
        Replayed::Seeds(links) => frontier.replay_seeds(links, now),
        Replayed::Found { via, links } => frontier.replay_found(&via, links, now),
        Replayed::Settled(receipt) => frontier.replay(receipt, now),
    })?;
    Ok(Some(frontier))
}

fn of_records(store: &Store, limits: &Limits, now: Stamp) -> Result<Frontier, Trouble> {
    let mut frontier = empty(store, limits)?;
    frontier.begin_anew(now);
    store.pending(
        |settled, attempts| is_over(&limits.retry, settled, attempts),
        |it| frontier.admit(it.link, it.via, it.attempts, now),
    )?;
    Ok(frontier)
}

fn empty(store: &Store, limits: &Limits) -> Result<Frontier, Trouble> {
    let tails = KeptTails { kept: store.tails()?, new: MemoryTails::default() };
    Ok(Frontier::new(limits.clone(), 1, VisitId(0), Box::new(tails)))
}

/// Whether a crawl that begins leaves a URL with this outcome alone: what no server had a say in is tried once more.
fn is_over(retry: &RetryTable, settled: &Settled, attempts: u8) -> bool {
    let unheard = matches!(settled, Settled::Failure(failure) if failure.kind.blame() != Blame::Server);
    !unheard && retry.is_final(settled, attempts)
}

/// The chunks of a store, to be read; what is put away meanwhile goes nowhere.
#[derive(Debug)]
struct KeptTails {
    kept: storage::Tails,
    new: MemoryTails,
}

/// Marks the chunks that are in memory: a place in a file has no such number.
const IN_MEMORY: u64 = 1 << 63;

impl Tails for KeptTails {
    fn put(&mut self, chunk: &[u8]) -> io::Result<ChunkId> {
        self.new.put(chunk).map(|id| ChunkId(id.0 | IN_MEMORY))
    }

    fn get(&mut self, id: ChunkId) -> io::Result<Vec<u8>> {
        if id.0 & IN_MEMORY > 0 {
            return self.new.get(ChunkId(id.0 & !IN_MEMORY));
        }
        self.kept.take(storage::ChunkId::from_bits(id.0)).map_err(io::Error::other)
    }
}
