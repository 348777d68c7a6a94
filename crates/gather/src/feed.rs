//! The thread that draws the calls from their source.
//!
//! Owns the source, which may wait as long as it likes (a file, a pipe, a channel of the caller's), may never end,
//! and may panic. Draws ahead by no more than the dispatcher lets it.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use tokio::sync::mpsc;

use crate::{Call, GatherError, board::Board, worker::words};

/// Calls that are drawn before the dispatcher wants them.
pub(crate) const DRAWN_MAX: usize = 256;

/// A call, or why there is none in its place; with its number, from 1.
pub(crate) type Drawn = (u64, Result<Call, GatherError>);

/// What calls come from; made on the thread that draws.
pub(crate) type Source = Box<dyn FnOnce(&Board, &mut dyn FnMut(Result<Call, GatherError>) -> bool) + Send>;

/// A source of anything that calls can be made of.
pub(crate) fn source<C>(calls: C) -> Source
where
    C: IntoIterator + Send + 'static,
    C::Item: TryInto<Call>,
    <C::Item as TryInto<Call>>::Error: Into<GatherError>,
{
    Box::new(move |board, give| {
        let calls = calls.into_iter();
        if let (least, Some(most)) = calls.size_hint()
            && least == most
        {
            board.expects(least as u64);
        }
        for call in calls {
            if !give(call.try_into().map_err(Into::into)) {
                return;
            }
        }
    })
}

/// Draws until the source ends or nobody wants more.
pub(crate) fn draw(source: Source, board: &Arc<Board>, drawn: &mpsc::Sender<Drawn>) {
    let mut n = 0;
    let mut give = |call| {
        n += 1;
        !board.is_stopped() && drawn.blocking_send((n, call)).is_ok()
    };
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| source(board, &mut give))) {
        give(Err(GatherError::Source(words(&*panic))));
    }
}
