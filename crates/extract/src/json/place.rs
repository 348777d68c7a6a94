//! Where in a JSON document a walk is.
//!
//! Owns the open brackets, a bit each, and what the pointers say of the value that begins. Never looks at bytes.

use std::borrow::Cow;

use crate::pointer::{JsonPointers, Matches};

/// Where the walk is, as far as the pointers and the brackets need it.
pub(super) struct Place<'a> {
    pointers: Option<&'a JsonPointers>,
    open: Brackets,
    /// For each open container that a pointer may lead through, outermost first, what leads to it.
    levels: Vec<Level>,
    /// What leads to the member whose name was read last.
    member: Option<Matches>,
    /// The depth of the outermost container that a pointer leads to, or 0 where everything counts.
    inside: Option<usize>,
}

struct Level {
    matches: Matches,
    /// Of the next element, in an array.
    index: u64,
}

/// What the pointers say of a value.
pub(super) enum Here {
    /// It counts, and so does what is in it.
    Inside,
    /// Something in it may count.
    Above(Matches),
    /// Nothing in it counts.
    Outside,
}

impl<'a> Place<'a> {
    pub(super) fn new(pointers: Option<&'a JsonPointers>) -> Self {
        let inside = pointers.is_none().then_some(0);
        Self { pointers, open: Brackets::default(), levels: Vec::new(), member: None, inside }
    }

    pub(super) fn depth(&self) -> usize {
        self.open.depth
    }

    pub(super) fn is_object(&self) -> bool {
        self.open.is_object()
    }

    /// A value that begins here.
    pub(super) fn here(&self) -> Here {
        let Some(pointers) = self.pointers.filter(|_| self.inside.is_none()) else { return Here::Inside };
        let depth = self.depth();
        let matches = match self.levels.last() {
            _ if depth == 0 => pointers.all(),
            Some(level) if self.levels.len() == depth => match self.member {
                Some(matches) if self.is_object() => matches,
                _ => pointers.element(level.matches, depth - 1, level.index),
            },
            _ => return Here::Outside,
        };
        if pointers.ends(matches, depth) {
            Here::Inside
        } else if matches.is_none() {
            Here::Outside
        } else {
            Here::Above(matches)
        }
    }

    /// The name of a member, which is only asked for where a pointer may lead through it.
    pub(super) fn key<'t>(&mut self, name: impl FnOnce() -> Option<Cow<'t, str>>) {
        if let Some(pointers) = self.pointers
            && self.inside.is_none()
            && self.levels.len() == self.depth()
            && let Some(level) = self.levels.last()
        {
            let name = name().unwrap_or_default();
            self.member = Some(pointers.member(level.matches, self.depth() - 1, &name));
        }
    }

    pub(super) fn comma(&mut self) {
        let depth = self.depth();
        if self.levels.len() == depth
            && let Some(level) = self.levels.last_mut()
        {
            level.index += 1;
        }
    }

    pub(super) fn open(&mut self, is_object: bool) {
        let here = self.here();
        self.open.push(is_object);
        match here {
            Here::Inside => {
                self.inside.get_or_insert(self.open.depth);
            }
            Here::Above(matches) => self.levels.push(Level { matches, index: 0 }),
            Here::Outside => {}
        }
    }

    pub(super) fn close(&mut self) {
        if self.inside == Some(self.depth()) {
            self.inside = None;
        }
        self.open.pop();
        self.levels.truncate(self.depth());
    }
}

/// Open brackets, a bit each.
#[derive(Default)]
struct Brackets {
    depth: usize,
    bits: Vec<u64>,
}

impl Brackets {
    fn push(&mut self, is_object: bool) {
        let (word, bit) = (self.depth / 64, self.depth % 64);
        if word == self.bits.len() {
            self.bits.push(0);
        }
        self.bits[word] = self.bits[word] & !(1 << bit) | u64::from(is_object) << bit;
        self.depth += 1;
    }

    fn pop(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    /// The innermost is `{`.
    fn is_object(&self) -> bool {
        let Some(last) = self.depth.checked_sub(1) else { return false };
        self.bits[last / 64] >> (last % 64) & 1 == 1
    }
}
