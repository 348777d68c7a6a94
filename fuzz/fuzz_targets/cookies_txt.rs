//! A `cookies.txt`: what is written of what was read is read as the same.
#![no_main]

use std::time::{Duration, SystemTime};

use dragline_cookies::Jar;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let (one, two) = (Jar::new(Default::default()), Jar::new(Default::default()));
    if one.read_netscape(text, now).is_ok() {
        let written = one.write_netscape(now);
        two.read_netscape(&written, now).expect("what is written can be read");
        assert_eq!(two.write_netscape(now), written);
    }
});
