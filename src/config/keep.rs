//! How what is fetched is kept.
//!
//! Owns the section `keep` and what the store makes of it.

use dragline_storage::{Options, Store, StoreError};
use serde::{Deserialize, Serialize};

use super::{ByteSize, Config, ConfigError, Span};

/// Smallest segment that can be set: a file for every few pages helps nobody.
const SEGMENT_MIN: ByteSize = ByteSize::from_mib(1);

/// How what is fetched is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeepConfig {
    /// Memory that the store's index may take; 8 MB and some 15 MB a million records at least.
    pub index_memory: ByteSize,
    /// An archive segment is closed before it grows past this.
    pub segment: ByteSize,
    /// An archive segment is closed once it is as old as this; `0s` for never.
    pub segment_age: Span,
    /// How often what was committed is brought to the disk: what a power cut can lose, and is then fetched again.
    pub sync_every: Span,
}

impl Default for KeepConfig {
    fn default() -> Self {
        let Options { index_memory, segment_bytes, segment_age, sync_every } = Options::default();
        Self {
            index_memory: ByteSize::from_bytes(index_memory),
            segment: ByteSize::from_bytes(segment_bytes),
            segment_age: segment_age.unwrap_or_default().into(),
            sync_every: sync_every.into(),
        }
    }
}

impl KeepConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.segment.get() < SEGMENT_MIN.get() {
            let why = format!("must be at least {SEGMENT_MIN}");
            return Err(ConfigError::value("keep.segment", &self.segment.to_string(), &why));
        }
        if self.sync_every.get().is_zero() {
            return Err(ConfigError::value("keep.sync_every", "0s", "must be longer, as in 100ms"));
        }
        Ok(())
    }

    pub(crate) fn options(&self) -> Options {
        Options {
            index_memory: self.index_memory.get(),
            segment_bytes: self.segment.get(),
            segment_age: Some(self.segment_age.get()).filter(|age| !age.is_zero()),
            sync_every: self.sync_every.get(),
        }
    }
}

impl Config {
    /// Opens the store to read it, as [`crate::open`] does.
    pub fn open_store(&self) -> Result<Store, StoreError> {
        Store::open_to_read(&self.store, self.keep.options())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Layers;

    fn set(pairs: &[&str]) -> Result<Options, String> {
        let mut layers = Layers::new();
        pairs
            .iter()
            .try_for_each(|pair| layers.set_text(pair).map(drop))
            .map_err(|error| error.to_string())?;
        layers.build().map(|config| config.keep.options()).map_err(|error| error.to_string())
    }

    #[test]
    fn settings_reach_the_store() {
        assert_eq!(set(&[]).unwrap(), Options::default());
        let given = set(&["keep.index_memory=32MiB", "keep.segment=64MiB", "keep.segment_age=0s"]).unwrap();
        assert_eq!((given.index_memory, given.segment_bytes, given.segment_age), (32 << 20, 64 << 20, None));
        for (pair, why) in [("keep.segment=1KiB", "at least 1MiB"), ("keep.sync_every=0s", "longer")] {
            let error = set(&[pair]).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
