//! A site without end: each page links to pages that nobody has seen before.
//!
//! It is there to make known URLs in millions, cheaply. A page is a number of 64 bits, and its links follow from it.

use super::Reply;
use crate::{
    dice::{Dice, Purpose},
    naming::DOMAIN,
    plan::Plan,
};

/// The hosts `i000.fakeweb.test` and so on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endless {
    /// How many hosts, from 1. Default 100.
    pub hosts: usize,
    /// Links of a page, all to its own host. Default 100: a hundred thousand pages make ten million known URLs.
    pub links: usize,
}

impl Default for Endless {
    fn default() -> Self {
        Self { hosts: 100, links: 100 }
    }
}

const TOP: &[u8] = b"<!DOCTYPE html><title>On and on</title>\n";

impl Endless {
    /// The number of the host with this label.
    pub(super) fn number(&self, label: &str) -> Option<u32> {
        let number: u32 = label.strip_prefix('i')?.parse().ok()?;
        ((number as usize) < self.hosts && self::label(number) == label).then_some(number)
    }

    /// `/` and `/p/0123456789abcdef`.
    pub(super) fn answer(&self, plan: &Plan, number: u32, path: &str, out: &mut Vec<u8>) -> Reply {
        let page = if path == "/" { Some(0) } else { path.strip_prefix("/p/").and_then(read_hex) };
        let Some(page) = page else { return Reply::status(404) };
        out.extend_from_slice(TOP);
        // 2⁶⁴ is room enough: of ten million random numbers, three in a million pairs of crawls have two alike.
        let mut dice = Dice::of(plan.seed ^ page, number, u32::MAX, Purpose::Links);
        for _ in 0..self.links {
            out.extend_from_slice(b"<a href=/p/");
            push_hex(dice.next(), out);
            out.extend_from_slice(b">on</a>\n");
        }
        Reply::html()
    }
}

/// The front page of a host.
pub(crate) fn seed(number: u32) -> String {
    format!("http://{}.{DOMAIN}/", label(number))
}

fn label(number: u32) -> String {
    format!("i{number:03}")
}

fn push_hex(number: u64, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.extend((0..16).rev().map(|place| DIGITS[(number >> (4 * place)) as usize & 15]));
}

/// A number as [`push_hex`] writes it.
fn read_hex(text: &str) -> Option<u64> {
    let is_hex = text.len() == 16 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    is_hex.then(|| u64::from_str_radix(text, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_they_are_written() {
        for number in [0, 1, 0xfedc_ba98_7654_3210, u64::MAX] {
            let mut text = Vec::new();
            push_hex(number, &mut text);
            assert_eq!(read_hex(std::str::from_utf8(&text).unwrap()), Some(number));
        }
        for wrong in ["", "1", "0123456789ABCDEF", "0123456789abcdef0", "+123456789abcdef"] {
            assert_eq!(read_hex(wrong), None, "{wrong}");
        }
        let endless = Endless { hosts: 20, ..Endless::default() };
        assert_eq!(endless.number("i007"), Some(7));
        assert!(["i7", "i020", "i+07", "h007"].iter().all(|label| endless.number(label).is_none()));
    }
}
