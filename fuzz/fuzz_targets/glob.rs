//! Patterns of URLs: any text is a pattern or an error, and what a pattern gives is finite in what it holds.
#![no_main]

use dragline_gather::Glob;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match Glob::parse(text) {
        Ok(glob) => {
            for url in glob.take(64) {
                assert!(url.len() <= text.len() + 64 * 20, "{text:?} gives {url:?}");
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
