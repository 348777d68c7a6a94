//! How a link is spelled: absolute, relative, with dots, fragments, entities and quotes of every kind.
//!
//! Whatever the spelling, it resolves to the URL that `naming.rs` gives out. Never chooses a target.

use crate::{
    dice::Dice,
    plan::{Place, Plan},
    words::word,
};

/// Spells the references of one page.
#[derive(Debug)]
pub(crate) struct Speller<'a> {
    plan: &'a Plan,
    host: u32,
    /// The page's own path.
    base: Vec<u8>,
    /// Whether the document is read as UTF-8 for certain; otherwise references stay ASCII.
    utf8: bool,
    target: Vec<u8>,
    raw: Vec<u8>,
}

impl<'a> Speller<'a> {
    /// For the document at `base`.
    pub(crate) fn new(plan: &'a Plan, base: Place, utf8: bool) -> Self {
        let mut path = Vec::with_capacity(64);
        plan.push_path(base, &mut path);
        let (target, raw) = (Vec::with_capacity(64), Vec::with_capacity(128));
        Self { plan, host: base.host(), base: path, utf8, target, raw }
    }

    /// Appends a start tag `<a …>` that leads to `to`.
    pub(crate) fn push_anchor(&mut self, to: Place, dice: &mut Dice, out: &mut Vec<u8>) {
        self.spell(to, dice);
        let before: &str = match dice.below(32) {
            0 => "<A HREF=",
            1 => "<a title=\"a > b\" href=",
            2 => "<a\n  class='link'\n  href = ",
            3..7 => "<a class=\"link\" href=",
            _ => "<a href=",
        };
        out.extend_from_slice(before.as_bytes());
        match dice.below(16) {
            0 | 1 => self.push_quoted(b"'", b"'", dice, out),
            2 => self.push_quoted(b"", b"", dice, out),
            // Blanks around a URL are not part of it (URL Standard, "basic URL parser").
            3 => self.push_quoted(b"\" ", b"\n\"", dice, out),
            _ => self.push_quoted(b"\"", b"\"", dice, out),
        }
        out.push(b'>');
    }

    /// Appends a reference as it stands in a header field: ASCII, nothing escaped.
    pub(crate) fn push_location(&mut self, to: Place, dice: &mut Dice, out: &mut Vec<u8>) {
        self.target.clear();
        self.raw.clear();
        self.plan.push_path(to, &mut self.target);
        match dice.below(3) {
            0 if to.host() == self.host => push_relative(&self.base, &self.target, &mut self.raw),
            1 if to.host() == self.host => self.raw.extend_from_slice(&self.target),
            _ => self.absolute("http://", to),
        }
        out.extend_from_slice(&self.raw);
    }

    /// Puts one spelling of `to` into `raw`.
    fn spell(&mut self, to: Place, dice: &mut Dice) {
        self.target.clear();
        self.raw.clear();
        self.plan.push_path(to, &mut self.target);
        if to.host() == self.host {
            match dice.below(16) {
                0..=6 => self.raw.extend_from_slice(&self.target),
                7..=11 => push_relative(&self.base, &self.target, &mut self.raw),
                12 => {
                    let detour: &[u8] = if dice.below(2) == 0 { b"/." } else { b"/nowhere/.." };
                    self.raw.extend_from_slice(detour);
                    self.raw.extend_from_slice(&self.target);
                }
                13 => self.absolute("//", to),
                _ => self.absolute("http://", to),
            }
        } else {
            match dice.below(8) {
                0 => self.absolute("//", to),
                1 => {
                    self.raw.extend_from_slice(b"HTTP://");
                    self.plan.push_host_name(to.host(), &mut self.raw);
                    self.raw.make_ascii_uppercase();
                    self.raw.extend_from_slice(b":80");
                    self.raw.extend_from_slice(&self.target);
                }
                _ => self.absolute("http://", to),
            }
        }
        if dice.below(8) == 0 {
            self.raw.push(b'#');
            self.raw.extend_from_slice(word(dice).as_bytes());
        }
        if self.utf8 && dice.below(2) == 0 {
            decode_utf8(&mut self.raw);
        }
    }

    fn absolute(&mut self, scheme: &str, to: Place) {
        self.raw.extend_from_slice(scheme.as_bytes());
        self.plan.push_host_name(to.host(), &mut self.raw);
        self.raw.extend_from_slice(&self.target);
    }

    /// Appends `raw` between quotes, ampersands escaped in one of the ways that HTML knows.
    fn push_quoted(&self, open: &[u8], close: &[u8], dice: &mut Dice, out: &mut Vec<u8>) {
        out.extend_from_slice(open);
        let mut rest = &self.raw[..];
        while let Some(at) = memchr::memchr(b'&', rest) {
            out.extend_from_slice(&rest[..at]);
            // The bare one is right too: "&ref" is no entity.
            out.extend_from_slice(dice.pick(&["&amp;", "&amp;", "&#38;", "&#x26;", "&"]).as_bytes());
            rest = &rest[at + 1..];
        }
        out.extend_from_slice(rest);
        out.extend_from_slice(close);
    }
}

/// Appends the shortest relative reference from one path to another (RFC 3986 §5.2 backwards).
fn push_relative(base: &[u8], target: &[u8], out: &mut Vec<u8>) {
    let path = |p: &[u8]| memchr::memchr(b'?', p).unwrap_or(p.len());
    let directory = |p: &[u8]| memchr::memrchr(b'/', p).map_or(0, |slash| slash + 1);
    let base = &base[..directory(&base[..path(base)])];
    let shared = base.iter().zip(&target[..path(target)]).take_while(|(a, b)| a == b).count();
    let shared = directory(&base[..shared]);
    for _ in memchr::memchr_iter(b'/', &base[shared..]) {
        out.extend_from_slice(b"../");
    }
    let rest = &target[shared..];
    // An empty reference would be the document itself, and a lone query would keep its file name.
    if shared == base.len() && (rest.is_empty() || rest[0] == b'?') {
        out.extend_from_slice(b"./");
    }
    out.extend_from_slice(rest);
}

/// Turns percent-encoded bytes above ASCII into themselves.
fn decode_utf8(raw: &mut Vec<u8>) {
    if memchr::memchr(b'%', raw).is_none() {
        return;
    }
    let mut decoded = Vec::with_capacity(raw.len());
    let mut rest = &raw[..];
    while let Some((first, behind)) = rest.split_first() {
        let byte = behind
            .get(..2)
            .filter(|_| *first == b'%')
            .and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok())
            .filter(|byte| !byte.is_ascii());
        decoded.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &behind[2..] } else { behind };
    }
    *raw = decoded;
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;
    use crate::{WebSpec, dice::Purpose};

    #[test]
    fn a_relative_reference_is_short_and_right() {
        for (base, target, want) in [
            ("/", "/", "./"),
            ("/a/b", "/a/c", "c"),
            ("/a/b", "/a/", "./"),
            ("/a/b/c", "/a/d?q=/x", "../d?q=/x"),
            ("/a/b?q=/x/y", "/", "../"),
            ("/a/", "/ab/", "../ab/"),
            ("/a/b", "/a/b?q", "b?q"),
        ] {
            let mut out = Vec::new();
            push_relative(base.as_bytes(), target.as_bytes(), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), want, "{base} to {target}");
        }
    }

    #[test]
    fn every_spelling_resolves_to_its_target() {
        let plan = Plan::new(&WebSpec { hosts: 3, ..WebSpec::default() }).unwrap();
        let mut spellings = std::collections::HashSet::new();
        for page in 0..plan.pages {
            let here = Place::Page { host: 0, page };
            let base = Url::parse(&plan.url(here)).unwrap();
            let mut speller = Speller::new(&plan, here, true);
            let mut dice = plan.dice(0, page, Purpose::Markup);
            for n in 0..300 {
                let to = Place::Page { host: u32::from(n % 10 == 0), page: n % plan.pages };
                speller.spell(to, &mut dice);
                let raw = String::from_utf8(speller.raw.clone()).unwrap();
                let mut resolved = base.join(&raw).unwrap();
                resolved.set_fragment(None);
                assert_eq!(resolved.as_str(), plan.url(to), "{raw} on {base}");
                let mut location = Vec::new();
                speller.push_location(to, &mut dice, &mut location);
                let location = String::from_utf8(location).unwrap();
                assert_eq!(base.join(&location).unwrap().as_str(), plan.url(to), "{location} on {base}");
                spellings.insert(raw);
            }
        }
        for kind in ["../", "./", "/nowhere/../", "//h000", "HTTP://H001.FAKEWEB.TEST:80/", "#", "?", "%"] {
            assert!(spellings.iter().any(|s| s.contains(kind)), "{kind}");
        }
        assert!(spellings.iter().any(|s| !s.is_ascii()));
    }
}
