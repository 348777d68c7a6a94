//! Rules, kept so that the ones that could match a path are found without looking at the others.
//!
//! Owns the text of the rules and their order. Knows sections (sets of rules) by number only, and no agents.
//!
//! Every rule begins with bytes that stand for themselves: its *prefix*. In a section, rules are sorted by
//! prefix, and each knows its *parent*: the nearest rule before it whose prefix its own begins with. Whatever
//! matches a path has a prefix that the path begins with, and all such rules lie on one chain of parents, which
//! begins at the last rule whose prefix is not behind the path. So a verdict is one binary search and a walk
//! along that chain. Where thousands of rules begin alike (`/*…`), the chain is as long, and most of them are
//! passed over by the [pairs of bytes](Pairs) they need.

use super::pattern::{self, Pairs};

const NO_PARENT: u32 = u32::MAX;

/// A piece of the text. Four billion bytes are enough: see [`super::BYTES_MAX_MAX`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Span {
    at: u32,
    len: u32,
}

/// One `Allow` or `Disallow` line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule {
    /// The line, without its comment and the white space around.
    pub(super) text: Span,
    /// Its value in the form that is compared ([`super::normal`]).
    pub(super) pattern: Span,
    prefix_len: u32,
    /// What a path must have behind the prefix.
    pairs: Pairs,
    /// The line's number in the file, from 1.
    pub(super) number: u32,
    parent: u32,
    pub(super) allows: bool,
}

/// The text that spans point into. It only grows.
#[derive(Debug, Default)]
pub(super) struct Text(Vec<u8>);

impl Text {
    pub(super) fn push(&mut self, bytes: &[u8]) -> Span {
        let at = self.0.len() as u32;
        self.0.extend_from_slice(bytes);
        Span { at, len: bytes.len() as u32 }
    }

    /// The span of `pattern`, which is written anew only where it is not the end of what `text` spans already.
    pub(super) fn push_pattern(&mut self, text: Span, pattern: &[u8]) -> Span {
        if slice(&self.0, text).ends_with(pattern) {
            let len = pattern.len() as u32;
            return Span { at: text.at + text.len - len, len };
        }
        self.push(pattern)
    }
}

fn slice(text: &[u8], span: Span) -> &[u8] {
    let at = span.at as usize;
    text.get(at..at + span.len as usize).unwrap_or_default()
}

/// Rules on their way in, each with its section.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) text: Text,
    rules: Vec<(u32, Rule)>,
}

impl Draft {
    /// Takes in a rule whose pattern is in the form that is compared.
    pub(super) fn push(&mut self, section: u32, number: u32, allows: bool, text: Span, pattern: Span) {
        let bytes = slice(&self.text.0, pattern);
        let prefix_len = pattern::literal_prefix(bytes);
        let pairs = Pairs::needed(&bytes[prefix_len..]);
        let prefix_len = prefix_len as u32;
        self.rules
            .push((section, Rule { text, pattern, prefix_len, pairs, number, parent: NO_PARENT, allows }));
    }

    /// Gives every rule the section that `of` says in place of its own.
    pub(super) fn renumber(&mut self, of: impl Fn(u32) -> u32) {
        for (section, _) in &mut self.rules {
            *section = of(*section);
        }
    }

    /// The rules of sections 0 to `sections - 1`, sorted and linked.
    pub(super) fn finish(self, sections: usize) -> Rules {
        let Self { text: Text(text), mut rules } = self;
        let key = |section: u32, rule: &Rule| {
            let pattern = slice(&text, rule.pattern);
            (section, &pattern[..rule.prefix_len as usize], pattern.len(), pattern)
        };
        rules.sort_unstable_by(|(a_section, a), (b_section, b)| {
            key(*a_section, a)
                .cmp(&key(*b_section, b))
                .then(b.allows.cmp(&a.allows))
                .then(a.number.cmp(&b.number))
        });
        // Of rules with one pattern an `Allow` wins, and the first of them stands for all.
        rules.dedup_by(|(later_section, later), (section, first)| {
            section == later_section && slice(&text, first.pattern) == slice(&text, later.pattern)
        });
        let mut ends = vec![0; sections];
        for (section, _) in &rules {
            ends[*section as usize] += 1;
        }
        let mut end = 0;
        for count in &mut ends {
            end += *count;
            *count = end;
        }
        let rules: Vec<Rule> = rules.into_iter().map(|(_, rule)| rule).collect();
        let mut finished = Rules {
            text: text.into_boxed_slice(),
            rules: rules.into_boxed_slice(),
            ends: ends.into_boxed_slice(),
        };
        for section in 0..sections as u32 {
            finished.link(section);
        }
        finished
    }
}

/// All rules of a file, by section.
#[derive(Debug, Clone, Default)]
pub(super) struct Rules {
    text: Box<[u8]>,
    rules: Box<[Rule]>,
    /// Where each section's rules end; they begin where those of the one before end.
    ends: Box<[u32]>,
}

impl Rules {
    fn range(&self, section: u32) -> std::ops::Range<usize> {
        let at = section as usize;
        let end = self.ends.get(at).map_or(0, |end| *end as usize);
        let start =
            at.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |start| *start as usize);
        start..end.max(start)
    }

    fn link(&mut self, section: u32) {
        let mut chain: Vec<u32> = Vec::new();
        for at in self.range(section) {
            let prefix = self.prefix(&self.rules[at]);
            while chain.last().is_some_and(|top| !prefix.starts_with(self.prefix(&self.rules[*top as usize])))
            {
                chain.pop();
            }
            self.rules[at].parent = chain.last().copied().unwrap_or(NO_PARENT);
            chain.push(at as u32);
        }
    }

    fn prefix(&self, rule: &Rule) -> &[u8] {
        &self.slice(rule.pattern)[..rule.prefix_len as usize]
    }

    /// The bytes of a span.
    pub(super) fn slice(&self, span: Span) -> &[u8] {
        slice(&self.text, span)
    }

    /// The most specific rule of a section that matches (RFC 9309 §2.2.2: the most octets; `Allow` wins a tie).
    pub(super) fn most_specific(&self, section: u32, path: &[u8]) -> Option<&Rule> {
        let rules = &self.rules[self.range(section)];
        let first = self.range(section).start;
        let behind = rules.partition_point(|rule| self.prefix(rule) <= path);
        let mut next = behind.checked_sub(1).map(|at| &rules[at]);
        let pairs = Pairs::of(path);
        let mut best: Option<&Rule> = None;
        while let Some(rule) = next {
            if beats(rule, best)
                && pairs.contain(rule.pairs)
                && path.starts_with(self.prefix(rule))
                && pattern::matches(self.slice(rule.pattern), path)
            {
                best = Some(rule);
            }
            next = (rule.parent as usize).checked_sub(first).and_then(|at| rules.get(at));
        }
        best
    }

    /// The rules of a section.
    pub(super) fn of(&self, section: u32) -> &[Rule] {
        &self.rules[self.range(section)]
    }

    pub(super) fn len(&self) -> usize {
        self.rules.len()
    }

    pub(super) fn bytes_held(&self) -> usize {
        self.text.len() + size_of_val(&*self.rules) + size_of_val(&*self.ends)
    }
}

/// Would `rule` decide if both matched?
pub(super) fn beats(rule: &Rule, other: Option<&Rule>) -> bool {
    other.is_none_or(|other| (rule.pattern.len, rule.allows) > (other.pattern.len, other.allows))
}
