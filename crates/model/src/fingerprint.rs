//! Sixty-four bits that stand for a canonical URL.
//!
//! Owns the hash of a URL, its key, and the maps keyed by it. The key is secret, so that nobody can prepare two
//! URLs that collide: it is drawn by the first process that works on a store, which keeps it beside the
//! fingerprints where no one else may read it, and adopted by the next. Fingerprints made with different keys
//! have nothing to do with one another, so nothing that leaves a process or a store may hold one.

use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState},
    sync::OnceLock,
};

use crate::CanonicalUrl;

/// The key of every fingerprint of this process, from the first of them on.
static KEY: OnceLock<u64> = OnceLock::new();

/// A keyed 64-bit hash (XXH3) of a canonical URL, the same everywhere within one process.
///
/// Among n URLs two collide with a probability of about n² / 2⁶⁵: 3·10⁻⁸ for a million, 3·10⁻⁶ for ten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// The fingerprint of a URL.
    pub fn of(url: &CanonicalUrl) -> Self {
        Self::of_text(url.as_str().as_bytes())
    }

    /// The fingerprint of a URL that is already spelled canonically.
    pub(crate) fn of_text(canonical: &[u8]) -> Self {
        Self(xxhash_rust::xxh3::xxh3_64_with_seed(canonical, Self::key()))
    }

    /// The key of this process; drawn here where no fingerprint was made before. For a store that keeps
    /// fingerprints, and for nobody else: who has it can prepare URLs that collide.
    pub fn key() -> u64 {
        *KEY.get_or_init(|| RandomState::new().hash_one(0x64_72_61_67))
    }

    /// Makes every fingerprint of this process with the key of a store, so that those it kept hold again.
    ///
    /// False where another key is in use already, for a fingerprint was made or another store's key adopted:
    /// then what that store kept means nothing here.
    pub fn adopt_key(key: u64) -> bool {
        *KEY.get_or_init(|| key) == key
    }

    /// A fingerprint that was kept, from its [`Fingerprint::bits`]. Only with the key it was made with does it
    /// stand for its URL.
    pub fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The fingerprint of a text that was taken from a [`CanonicalUrl`], possibly by way of a store. Of any
    /// other text it is the fingerprint of nothing.
    pub fn of_canonical(text: &str) -> Self {
        Self::of_text(text.as_bytes())
    }

    /// The bits.
    pub fn bits(self) -> u64 {
        self.0
    }
}

/// A set of fingerprints, exact on their 64 bits.
pub type FingerprintSet = HashSet<Fingerprint, BuildHasherDefault<AsIs>>;

/// A map keyed by fingerprint.
pub type FingerprintMap<V> = HashMap<Fingerprint, V, BuildHasherDefault<AsIs>>;

/// Passes a fingerprint's bits through: they are a hash already.
#[derive(Debug, Default, Clone, Copy)]
pub struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.0 ^= u64::from_ne_bytes(word);
        }
    }

    fn write_u64(&mut self, bits: u64) {
        self.0 = bits;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In a process there is one key: whichever of the tests comes first, no other is taken after it.
    #[test]
    fn a_key_is_adopted_once() {
        let key = Fingerprint::key();
        let before = Fingerprint::of_canonical("http://a/");
        assert!(Fingerprint::adopt_key(key));
        assert!(!Fingerprint::adopt_key(!key));
        assert_eq!((Fingerprint::key(), Fingerprint::of_canonical("http://a/")), (key, before));
        assert_eq!(Fingerprint::from_bits(before.bits()), before);
    }
}
