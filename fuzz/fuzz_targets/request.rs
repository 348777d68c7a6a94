//! URLs and fields of a caller: one request line, and nothing smuggled behind it.
#![no_main]

use dragline_fetch::{Request, fuzzing::head_of};
use libfuzzer_sys::fuzz_target;

// URL, name and value of a field, with a zero between them.
fuzz_target!(|input: &str| {
    let mut parts = input.splitn(3, '\0');
    let [url, name, value] = std::array::from_fn(|_| parts.next().unwrap_or_default());
    let Ok(mut request) = Request::parse(url) else { return };
    assert!(request.target().bytes().all(|b| (b'!'..=b'~').contains(&b)), "{:?}", request.target());
    request.headers.push((name.to_owned(), value.to_owned()));
    if let Ok(head) = head_of(&request) {
        let lines: Vec<&[u8]> = head.split(|b| *b == b'\n').collect();
        // Request line, Host, User-Agent, Accept, Accept-Encoding, the field, the empty line, nothing; the field
        // may stand in for one of the usual.
        assert!(lines.len() == 8 || lines.len() == 7, "{:?}", String::from_utf8_lossy(&head));
        assert_eq!(lines[0].iter().filter(|b| **b == b' ').count(), 2);
    }
});
