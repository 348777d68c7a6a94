//! What storage tells a coordinator that begins: where the crawl stands.
//!
//! Owns the pieces it is told in, so that no message holds all of a large crawl.

use dragline_frontier::RetryTable;
use dragline_model::{Blame, Purpose, Receipt, Settled};
use dragline_storage::{Pending, Replayed, Store, StoreError, Writer};

use crate::messages::Memory;

/// URLs or receipts in one piece.
const PIECE: usize = 4096;

/// Tells all: from the last checkpoint on, or, without one, every URL without a final outcome.
pub(crate) fn tell(
    store: &Store,
    writer: &Writer,
    retry: RetryTable,
    from_checkpoint: bool,
    mut each: impl FnMut(Memory),
) -> Result<(), StoreError> {
    let checkpoint = from_checkpoint.then(|| store.checkpoints().read()).flatten();
    if let Some(checkpoint) = checkpoint {
        let seq = checkpoint.seq;
        each(Memory::Checkpoint(checkpoint));
        replay(store, seq, |piece| each(Memory::Replayed(piece)))?;
    } else {
        let mut piece: Vec<Pending> = Vec::new();
        writer.pending(
            |settled, attempts| is_over(&retry, settled, attempts),
            |url| {
                piece.push(url);
                if piece.len() >= PIECE {
                    each(Memory::Pending(std::mem::take(&mut piece)));
                }
            },
        )?;
        each(Memory::Pending(piece));
        replay(store, 0, |piece| each(Memory::Manners(piece.into_iter().filter_map(manners).collect())))?;
    }
    each(Memory::All { totals: store.facts()?, seq: store.last_seq()? });
    Ok(())
}

/// The receipts of what was committed behind a record.
pub(crate) fn receipts(
    store: &Store,
    seq: u64,
    mut each: impl FnMut(Vec<Receipt>),
) -> Result<(), StoreError> {
    replay(store, seq, |piece| {
        let settled = piece.into_iter().filter_map(|it| match it {
            Replayed::Settled(receipt) => Some(receipt),
            Replayed::Seeds(_) | Replayed::Found { .. } => None,
        });
        each(settled.collect());
    })
}

fn replay(store: &Store, seq: u64, mut each: impl FnMut(Vec<Replayed>)) -> Result<(), StoreError> {
    let mut piece = Vec::new();
    store.replay(seq, |it| {
        piece.push(it);
        if piece.len() >= PIECE {
            each(std::mem::take(&mut piece));
        }
    })?;
    each(piece);
    Ok(())
}

/// A receipt that says how a host wants to be treated: of its robots.txt, or of a refusal.
fn manners(it: Replayed) -> Option<Receipt> {
    let Replayed::Settled(receipt) = it else { return None };
    let refused = matches!(receipt.settled, Settled::Page { status: 429 | 503, .. });
    (refused || receipt.visit.purpose == Purpose::Robots).then_some(receipt)
}

/// Whether a URL with this last outcome is left alone by a crawl that begins. What failed before a server had its
/// say is tried once more: the address may be allowed now, the network back, the server up.
fn is_over(retry: &RetryTable, settled: &Settled, attempts: u8) -> bool {
    let unheard = matches!(settled, Settled::Failure(failure) if failure.kind.blame() != Blame::Server);
    !unheard && retry.is_final(settled, attempts)
}
