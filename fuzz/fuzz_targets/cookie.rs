//! `Set-Cookie` fields: what is let in goes out as one harmless line, and to its own host only.
#![no_main]

use std::{sync::LazyLock, time::SystemTime};

use dragline_cookies::Jar;
use dragline_model::CanonicalUrl;
use libfuzzer_sys::fuzz_target;

static URLS: LazyLock<Vec<CanonicalUrl>> = LazyLock::new(|| {
    [
        "https://a.example.co.uk/x/y",
        "http://a.example.co.uk/x/y",
        "http://example.co.uk:8080/",
        "http://127.0.0.1/",
    ]
    .map(|url| CanonicalUrl::parse(url).unwrap())
    .to_vec()
});

static STRANGERS: LazyLock<Vec<CanonicalUrl>> = LazyLock::new(|| {
    ["https://other.co.uk/", "https://co.uk/", "https://example.com/", "http://127.0.0.2/"]
        .map(|url| CanonicalUrl::parse(url).unwrap())
        .to_vec()
});

// A field a line; its first byte chooses who sets it.
fuzz_target!(|input: &[u8]| {
    let jar = Jar::new(Default::default());
    let now = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_800_000_000);
    for line in input.split(|b| *b == b'\n') {
        let [which, field @ ..] = line else { continue };
        let _ = jar.take_in(&URLS[usize::from(*which) % URLS.len()], field, now);
    }
    assert!(jar.len() <= 3_000);
    for url in URLS.iter() {
        if let Some(header) = jar.header_for(url, now) {
            assert!(header.bytes().all(|b| b == b'\t' || (b >= b' ' && b != 0x7f)), "{header:?}");
            assert!(header.len() <= 8 << 10);
        }
    }
    for url in STRANGERS.iter() {
        assert_eq!(jar.header_for(url, now), None);
    }
});
