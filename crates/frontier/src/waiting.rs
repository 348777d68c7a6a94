//! A URL that waits, and many of them packed.
//!
//! Owns the spelling of waiting URLs in tails and checkpoints: some 40 bytes each, where the URL before it is much
//! the same. Knows no queue.

use dragline_model::{CanonicalUrl, Fingerprint, Link, Purpose, Validators};

/// A URL that waits, with what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub link: Link,
    pub via: Option<CanonicalUrl>,
    /// Attempts made so far.
    pub attempts: u8,
    /// What an answer is compared with.
    pub copy: Option<Box<Validators>>,
}

impl Waiting {
    pub(crate) fn new(link: Link, via: Option<CanonicalUrl>, attempts: u8) -> Self {
        Self { link, via, attempts, copy: None }
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        self.link.fingerprint
    }
}

/// Packed waiting URLs cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Garbled;

/// Nothing is said of the page a URL was found on: it is a seed.
const VIA_NONE: u64 = 0;
/// It is that of the URL before.
const VIA_SAME: u64 = 1;
/// It follows.
const VIA_GIVEN: u64 = 2;
/// With [`VIA_NONE`] and its likes in the two lowest bits: a copy follows.
const HAS_COPY: u64 = 4;
/// Where the purpose begins.
const PURPOSE: u32 = 3;

/// Waiting URLs, packed one behind the other.
///
/// Each is: the number of bytes that its URL shares with the one before; the rest of it; depth; hops, off and
/// attempts; flags; then the page it was found on and the copy, where the flags say so. Numbers are LEB128, texts
/// have their length before them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pack {
    bytes: Vec<u8>,
    count: u32,
    url: Option<CanonicalUrl>,
    via: Option<CanonicalUrl>,
}

impl Pack {
    pub(crate) fn push(&mut self, waiting: &Waiting) {
        let Waiting { link, via, attempts, copy } = waiting;
        let url = link.url.as_str();
        let shared = self.url.as_ref().map_or(0, |before| shared(before.as_str(), url));
        let out = &mut self.bytes;
        number(out, shared as u64);
        text(out, &url[shared..]);
        for it in [link.depth.into(), link.hops.into(), link.off.into(), u64::from(*attempts)] {
            number(out, it);
        }
        let via_is = match via {
            None => VIA_NONE,
            some if *some == self.via => VIA_SAME,
            Some(_) => VIA_GIVEN,
        };
        let purpose = match link.purpose {
            Purpose::Page => 0,
            Purpose::Sitemap => 1,
            Purpose::Robots => 2,
        };
        let has_copy = if copy.is_some() { HAS_COPY } else { 0 };
        number(out, via_is | has_copy | purpose << PURPOSE);
        if let (VIA_GIVEN, Some(via)) = (via_is, via) {
            text(out, via.as_str());
            self.via = Some(via.clone());
        }
        if let Some(copy) = copy {
            text(out, copy.etag.as_deref().unwrap_or_default());
            text(out, copy.last_modified.as_deref().unwrap_or_default());
            number(out, copy.seq);
        }
        self.url = Some(link.url.clone());
        self.count += 1;
    }

    pub(crate) fn len(&self) -> usize {
        self.count as usize
    }

    /// Takes what was packed out, with how many there are.
    pub(crate) fn take(&mut self) -> (Vec<u8>, usize) {
        let Pack { bytes, count, .. } = std::mem::take(self);
        (bytes, count as usize)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn of<'a>(waiting: impl IntoIterator<Item = &'a Waiting>) -> Self {
        let mut pack = Self::default();
        waiting.into_iter().for_each(|it| pack.push(it));
        pack
    }
}

/// Reads what was packed, in order.
pub(crate) fn unpack(bytes: &[u8], mut each: impl FnMut(Waiting)) -> Result<usize, Garbled> {
    let mut from = Reader(bytes);
    let (mut url, mut via): (String, Option<CanonicalUrl>) = Default::default();
    let mut count = 0;
    while !from.0.is_empty() {
        let shared = usize::try_from(from.number()?).map_err(|_| Garbled)?;
        if !url.is_char_boundary(shared) {
            return Err(Garbled);
        }
        url.truncate(shared);
        url.push_str(from.text()?);
        let depth = from.number()?.try_into().map_err(|_| Garbled)?;
        let mut small = || u8::try_from(from.number()?).map_err(|_| Garbled);
        let (hops, off, attempts) = (small()?, small()?, small()?);
        let flags = from.number()?;
        let via_here = match flags & 3 {
            VIA_NONE => None,
            VIA_SAME => via.clone(),
            _ => {
                via = Some(CanonicalUrl::parse(from.text()?).map_err(|_| Garbled)?);
                via.clone()
            }
        };
        let copy = if flags & HAS_COPY == 0 {
            None
        } else {
            let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            let (etag, last_modified) = (given(from.text()?), given(from.text()?));
            Some(Box::new(Validators { etag, last_modified, seq: from.number()? }))
        };
        let purpose = match flags >> PURPOSE {
            0 => Purpose::Page,
            1 => Purpose::Sitemap,
            2 => Purpose::Robots,
            _ => return Err(Garbled),
        };
        let canonical = CanonicalUrl::parse(&url).map_err(|_| Garbled)?;
        let fingerprint = Fingerprint::of(&canonical);
        let link = Link { url: canonical, fingerprint, depth, hops, off, purpose };
        each(Waiting { link, via: via_here, attempts, copy });
        count += 1;
    }
    Ok(count)
}

/// Bytes that two texts have in common at their beginning, up to a whole character.
fn shared(a: &str, b: &str) -> usize {
    let mut len = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    while !b.is_char_boundary(len) {
        len -= 1;
    }
    len
}

fn number(out: &mut Vec<u8>, mut rest: u64) {
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

fn text(out: &mut Vec<u8>, text: &str) {
    number(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn number(&mut self) -> Result<u64, Garbled> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first().ok_or(Garbled)?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Garbled)
    }

    fn text(&mut self) -> Result<&'a str, Garbled> {
        let len = usize::try_from(self.number()?).map_err(|_| Garbled)?;
        let (text, rest) = self.0.split_at_checked(len).ok_or(Garbled)?;
        self.0 = rest;
        std::str::from_utf8(text).map_err(|_| Garbled)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_url() -> impl Strategy<Value = CanonicalUrl> {
        "http://[ab]{1,2}\\.example/[a-c]{0,3}/[0-9é]{0,4}(\\?q=[a-z]{0,3})?"
            .prop_filter_map("a URL", |text| CanonicalUrl::parse(&text).ok())
    }

    fn any_waiting() -> impl Strategy<Value = Waiting> {
        let copy = proptest::option::of((proptest::option::of("[a-z\"]{1,5}"), any::<u64>()))
            .prop_map(|it| it.map(|(etag, seq)| Box::new(Validators { etag, last_modified: None, seq })));
        let numbers = (any::<u16>(), any::<u8>(), any::<u8>(), any::<u8>(), 0..3u8);
        (any_url(), proptest::option::of(any_url()), numbers, copy).prop_map(
            |(url, via, (depth, hops, off, attempts, purpose), copy)| {
                let purpose = [Purpose::Page, Purpose::Sitemap, Purpose::Robots][usize::from(purpose)];
                let link = Link { depth, hops, off, purpose, ..Link::seed(url) };
                Waiting { link, via, attempts, copy }
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_packed_comes_out(all in proptest::collection::vec(any_waiting(), 0..20)) {
            let (bytes, count) = Pack::of(&all).take();
            let mut read = Vec::new();
            prop_assert_eq!(unpack(&bytes, |it| read.push(it)), Ok(all.len()));
            prop_assert_eq!(count, all.len());
            prop_assert_eq!(read, all);
        }

        #[test]
        fn garbled_bytes_are_no_panic(all in proptest::collection::vec(any_waiting(), 1..5), at in any::<prop::sample::Index>(), bit in 0..8u8, cut in any::<prop::sample::Index>()) {
            let (mut bytes, _) = Pack::of(&all).take();
            let index = at.index(bytes.len());
            bytes[index] ^= 1 << bit;
            let _ = unpack(&bytes, |_| {});
            let _ = unpack(&bytes[..cut.index(bytes.len())], |_| {});
        }
    }

    #[test]
    fn links_of_one_page_take_little() {
        let via = CanonicalUrl::parse("https://www.example.org/catalogue/winter/page-17.html").unwrap();
        let url = |n| CanonicalUrl::parse(&format!("https://www.example.org/catalogue/winter/item-{n}.html"));
        let all: Vec<Waiting> = (1000..2000)
            .map(|n| Waiting::new(Link { depth: 3, ..Link::seed(url(n).unwrap()) }, Some(via.clone()), 0))
            .collect();
        let (bytes, count) = Pack::of(&all).take();
        assert!(bytes.len() / count < 20, "{} bytes each", bytes.len() / count);
    }
}
