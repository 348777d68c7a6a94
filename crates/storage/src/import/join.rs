//! Which request belongs to which response.
//!
//! Owns the short wait for the other one of two: tools write the request before the response or behind it, and say
//! that they belong together in either. Holds some of each at most.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::warc::head::Head;

/// Answers that wait for a request at most, and bytes of them.
const ANSWERS_MAX: usize = 8;
const ANSWER_BYTES_MAX: usize = 16 << 20;
/// Requests that wait for an answer at most, and bytes of the longest that does.
const REQUESTS_MAX: usize = 16;
const REQUEST_BYTES_MAX: usize = 1 << 20;

/// An answer with what was asked for it.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) head: Head,
    pub(super) block: Bytes,
    pub(super) request: Option<Bytes>,
}

/// A request that waits.
#[derive(Debug)]
struct Asked {
    id: Vec<u8>,
    of: Vec<Vec<u8>>,
    block: Bytes,
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Joiner {
    answers: VecDeque<Pair>,
    bytes: usize,
    requests: VecDeque<Asked>,
}

impl Joiner {
    /// Takes in an answer.
    pub(super) fn answer(&mut self, head: Head, block: Bytes) {
        let said = concurrent_to(&head);
        let its = self
            .requests
            .iter()
            .position(|asked| said.contains(&asked.id) || asked.of.iter().any(|of| of == head.id()));
        let request = its.and_then(|its| self.requests.remove(its)).map(|asked| asked.block);
        self.bytes += block.len();
        self.answers.push_back(Pair { head, block, request });
    }

    /// Takes in a request.
    pub(super) fn request(&mut self, head: &Head, block: Bytes) {
        if block.len() > REQUEST_BYTES_MAX {
            return;
        }
        let (id, of) = (head.id().to_owned(), concurrent_to(head));
        let its = |pair: &&mut Pair| {
            pair.request.is_none()
                && (of.iter().any(|of| of == pair.head.id()) || concurrent_to(&pair.head).contains(&id))
        };
        match self.answers.iter_mut().find(its) {
            Some(pair) => pair.request = Some(block),
            None => {
                if self.requests.len() == REQUESTS_MAX {
                    self.requests.pop_front();
                }
                self.requests.push_back(Asked { id, of, block });
            }
        }
    }

    /// The next answer, in the order of the file, once it has its request or has waited long enough.
    pub(super) fn ready(&mut self) -> Option<Pair> {
        let first = self.answers.front()?;
        let waited = self.answers.len() > ANSWERS_MAX || self.bytes > ANSWER_BYTES_MAX;
        (first.request.is_some() || waited).then(|| self.take()).flatten()
    }

    fn take(&mut self) -> Option<Pair> {
        let pair = self.answers.pop_front()?;
        self.bytes -= pair.block.len();
        Some(pair)
    }

    /// What waits at the end of a file.
    pub(super) fn rest(&mut self) -> Vec<Pair> {
        self.requests.clear();
        std::iter::from_fn(|| self.take()).collect()
    }
}

/// What a record says it belongs to: it may say so several times (WARC 1.1 §5.7).
fn concurrent_to(head: &Head) -> Vec<Vec<u8>> {
    let named = head.fields().filter(|(name, _)| name.eq_ignore_ascii_case(b"WARC-Concurrent-To"));
    named.map(|(_, value)| value.to_owned()).collect()
}
