//! A line to whoever holds a role now.
//!
//! An actor's address changes with each of its lives; a line stays. Owns the redirection and nothing else.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use actix::{Message, Recipient};

/// A stable handle on a role, for messages of one type. Cloning shares it.
///
/// Sending to a role that is vacant, or whose holder has just died, drops the message: whoever must not lose
/// one holds on to it until it is answered (see `Reoffer`, `StorageUp`, `FetcherLost`).
pub struct Line<M>
where
    M: Message + Send + 'static,
    M::Result: Send,
{
    holder: Arc<RwLock<Option<Recipient<M>>>>,
}

impl<M> Line<M>
where
    M: Message + Send + 'static,
    M::Result: Send,
{
    /// Puts a new holder at the end of the line.
    pub fn connect(&self, recipient: Recipient<M>) {
        *self.holder.write().unwrap_or_else(PoisonError::into_inner) = Some(recipient);
    }

    /// Sends without waiting; past the mailbox's bound, since what bounds the ring are slots.
    pub fn send(&self, message: M) {
        if let Some(recipient) = &*self.holder.read().unwrap_or_else(PoisonError::into_inner) {
            recipient.do_send(message);
        }
    }
}

impl<M> Default for Line<M>
where
    M: Message + Send + 'static,
    M::Result: Send,
{
    fn default() -> Self {
        Self { holder: Arc::default() }
    }
}

impl<M> Clone for Line<M>
where
    M: Message + Send + 'static,
    M::Result: Send,
{
    fn clone(&self) -> Self {
        Self { holder: self.holder.clone() }
    }
}

impl<M> fmt::Debug for Line<M>
where
    M: Message + Send + 'static,
    M::Result: Send,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").finish_non_exhaustive()
    }
}
