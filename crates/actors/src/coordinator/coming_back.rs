//! How a life of the coordinator begins: what the crawl had come to is asked of storage, and taken in.
//!
//! Owns the way from a checkpoint and what was committed behind it, or from the records alone, to a frontier that can
//! grant.

use std::sync::Arc;

use actix::prelude::*;
use dragline_frontier::{Counts, Frontier};
use dragline_storage::Replayed;

use super::{COMMONS, Coordinator, Orders, name_of};
use crate::{
    frontier_files::FrontierFiles,
    heard::Heard,
    messages::{Again, Memory, Recall, Recalled},
    ring::first_visit,
};

impl Coordinator {
    /// Asks storage where the crawl stands, from nothing: an answer that was begun before does not count.
    pub(super) fn ask(&mut self, from_checkpoint: bool) {
        self.asked += 1;
        self.frontier = new_frontier(&self.orders, self.kept.len(), &self.files);
        let again = self.lines.again.clone();
        let seat = COMMONS.seat(self.epoch, Arc::new(move || again.send(Again)));
        let names = self.orders.names.clone();
        self.frontier.join(seat.sending(Arc::new(move |host| names.sent_to(name_of(host)))));
        for (fetcher, is_up) in self.up.iter().enumerate() {
            if *is_up {
                self.frontier.fetcher_up(fetcher, self.orders.slots_per_fetcher);
            }
        }
        // Without the files there is nothing that a checkpoint could refer to.
        let from_checkpoint = from_checkpoint && self.files.is_lasting();
        self.lines.recall.send(Recall { number: self.asked, from_checkpoint });
    }

    /// A checkpoint, or a part of what came behind it, or of what is left to do without one.
    fn recall(&mut self, part: Memory) {
        let now = self.now();
        match part {
            Memory::Checkpoint(checkpoint) => {
                match self.frontier.restore(&checkpoint.bytes, checkpoint.clean, now) {
                    Ok(()) => self.must_unclean = checkpoint.clean,
                    Err(error) => {
                        tracing::warn!(%error, "the checkpoint cannot be used: all records are read");
                        self.ask(false);
                    }
                }
            }
            Memory::Replayed(piece) => {
                for it in piece {
                    match it {
                        Replayed::Seeds(links) => self.frontier.replay_seeds(links, now),
                        Replayed::Found { via, links } => self.frontier.replay_found(&via, links, now),
                        Replayed::Settled(receipt) => self.frontier.replay(receipt, now),
                    }
                }
            }
            Memory::Pending(pending) => {
                self.frontier.begin_anew(now);
                for url in pending {
                    self.frontier.admit(url.link, url.via, url.attempts, now);
                }
            }
            Memory::Manners(receipts) => {
                for receipt in &receipts {
                    self.frontier.recall_manners(receipt, now);
                }
            }
            Memory::All { totals, seq } => {
                self.frontier.end_replay();
                self.heard = Heard::all_to(seq);
                if !self.progress.snapshot().has_begun() {
                    self.frontier.begin_run(now);
                }
                // What only an earlier life of this run knows, it has published.
                let published = self.progress.snapshot().counts;
                let (pages, responses) = (totals.pages, totals.responses);
                self.frontier.resume(Counts { pages, responses, ..published }, now);
                let waiting = self.frontier.counts().queued as u64;
                self.progress.update(|s| s.begin(pages, responses, waiting));
                self.recalled = true;
            }
        }
    }
}

/// An empty frontier with numbers of its own.
pub(super) fn new_frontier(orders: &Orders, fetchers: usize, files: &FrontierFiles) -> Frontier {
    Frontier::new(orders.limits.clone(), fetchers, first_visit(), files.tails())
}

impl Handler<Recalled> for Coordinator {
    type Result = ();

    fn handle(&mut self, Recalled { number, part }: Recalled, ctx: &mut Self::Context) {
        if self.recalled || number != self.asked {
            // Storage died over it, or what it had could not be used: it was asked again.
            return;
        }
        self.recall(part);
        if self.recalled {
            self.sow(self.control.seeds());
            if self.must_unclean && !self.checkpoint(false) {
                self.must_unclean = false;
            }
            self.turn(ctx);
        }
    }
}
