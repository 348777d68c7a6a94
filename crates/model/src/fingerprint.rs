//! Sixty-four bits that stand for a canonical URL.
//!
//! Owns the hash of a URL and the maps keyed by it. A fingerprint is never written to disk: its key is
//! drawn anew in each process, so that nobody can prepare two URLs that collide.

use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState},
    sync::OnceLock,
};

use crate::CanonicalUrl;

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
        static KEY: OnceLock<u64> = OnceLock::new();
        let key = *KEY.get_or_init(|| RandomState::new().hash_one(0x64_72_61_67));
        Self(xxhash_rust::xxh3::xxh3_64_with_seed(canonical, key))
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
