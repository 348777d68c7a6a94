//! Where a query has stopped.
//!
//! Owns the spelling of it, which is for nobody else to read.

use std::{fmt, str::FromStr};

use super::Order;
use crate::{StoreError, gzip::Mark};

/// The place at which a query has stopped, and what it saw: for [`super::Query::after`], in this process or another.
///
/// As text it is some letters, digits and dashes, which any file name or URL can have in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cursor {
    pub(super) order: Order,
    pub(super) reversed: bool,
    /// Of the store it belongs to: enough to find out a mistake.
    pub(super) mark: u16,
    /// The last record that was given; `None` at the beginning.
    pub(super) place: Option<Place>,
    /// The last record that there was when the query began.
    pub(super) last_seq: u64,
}

/// A record, and where it is by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) seq: u64,
    /// Milliseconds; 0 in another order.
    pub(super) ms: u64,
}

/// What of a store's mark is in its cursors.
pub(super) fn mark_of(mark: Mark) -> u16 {
    u16::from_be_bytes([mark[0], mark[1]])
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = match self.order {
            Order::Sequence => 's',
            Order::Time => 't',
            Order::Url => 'u',
        };
        let letter = if self.reversed { letter.to_ascii_uppercase() } else { letter };
        let Place { seq, ms } = self.place.unwrap_or(Place { seq: 0, ms: 0 });
        write!(f, "{letter}{:04x}-{ms:x}-{seq:x}-{:x}", self.mark, self.last_seq)
    }
}

impl FromStr for Cursor {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        read(text).ok_or_else(|| StoreError::Question {
            what: format!("\"{}\" is no cursor", text.chars().take(100).collect::<String>().escape_debug()),
        })
    }
}

fn read(text: &str) -> Option<Cursor> {
    let letter = text.chars().next()?;
    let order = match letter.to_ascii_lowercase() {
        's' => Order::Sequence,
        't' => Order::Time,
        'u' => Order::Url,
        _ => return None,
    };
    let mut numbers = text[1..].split('-').map(|digits| {
        // No signs.
        let are_digits = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        u64::from_str_radix(digits, 16).ok().filter(|_| are_digits)
    });
    let mut next = || numbers.next().flatten();
    let (mark, ms, seq, last_seq) = (next()?.try_into().ok()?, next()?, next()?, next()?);
    let place = (seq > 0).then_some(Place { seq, ms });
    let cursor = Cursor { order, reversed: letter.is_ascii_uppercase(), mark, place, last_seq };
    numbers.next().is_none().then_some(cursor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_read_as_they_were_written() {
        for text in ["s00ab-0-0-9", "S0000-0-1-ffffffffffffffff", "tffff-1a2b3c-7-8", "U1234-0-5-6"] {
            assert_eq!(text.parse::<Cursor>().unwrap().to_string(), text);
        }
        for text in
            ["", "s", "x0000-0-0-0", "s0-0-0", "s0-0-0-0-0", "s0-0--0", "s0-+1-0-0", "é", "s10000-0-0-0"]
        {
            let error = text.parse::<Cursor>().unwrap_err();
            assert!(error.to_string().contains("is no cursor"), "{error}");
        }
    }
}
