//! Links a fetcher has just seen.
//!
//! Owns a small, forgetful set in front of storage's exact one: most links of a page stand on the page
//! before it too, and what is here needs no string, no message and no second look.

use dragline_model::Fingerprint;

/// A direct-mapped set of fingerprints: a newer one takes an older one's place.
///
/// It may forget; it never claims to have seen what it has not. It must not outlive the harvests it was
/// filled from: a fetcher's set dies with the fetcher.
#[derive(Debug)]
pub(crate) struct RecentLinks {
    slots: Box<[u64]>,
}

impl RecentLinks {
    /// 2¹⁶ places of 8 bytes: half a megabyte a fetcher, and room for the links of a large site's navigation.
    const PLACES: usize = 1 << 16;

    pub(crate) fn new() -> Self {
        // 0 stands for "empty": the one URL in 2⁶⁴ whose fingerprint it is, is merely never remembered.
        Self { slots: vec![0; Self::PLACES].into() }
    }

    pub(crate) fn contains(&self, fingerprint: Fingerprint) -> bool {
        let bits = fingerprint.bits();
        bits != 0 && self.slots[place(bits)] == bits
    }

    pub(crate) fn insert(&mut self, fingerprint: Fingerprint) {
        self.slots[place(fingerprint.bits())] = fingerprint.bits();
    }
}

fn place(bits: u64) -> usize {
    bits as usize & (RecentLinks::PLACES - 1)
}

#[cfg(test)]
mod tests {
    use dragline_model::CanonicalUrl;

    use super::*;

    #[test]
    fn it_remembers_and_never_invents() {
        let prints: Vec<_> = (0..1_000)
            .map(|n| Fingerprint::of(&CanonicalUrl::parse(&format!("http://a/{n}")).unwrap()))
            .collect();
        let mut recent = RecentLinks::new();
        for (n, print) in prints.iter().enumerate() {
            assert!(!recent.contains(*print));
            recent.insert(*print);
            assert!(recent.contains(prints[n]));
        }
    }
}
