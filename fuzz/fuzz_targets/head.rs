//! A response as it comes off a socket, in pieces of any size: the head found, the body framed.
#![no_main]

use dragline_fetch::fuzzing::read_response;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (bool, u16, &[u8])| {
    let (is_head, limit, bytes) = input;
    let whole = read_response(bytes, bytes.len().max(1), is_head, u64::from(limit));
    // How the bytes are cut into reads is the network's whim, and changes nothing.
    for step in [1, 2, 7, 64] {
        assert_eq!(read_response(bytes, step, is_head, u64::from(limit)), whole, "in steps of {step}");
    }
    if let Ok(Some(response)) = whole {
        assert!((200..1000).contains(&response.status));
        assert!(response.body.len() as u64 <= u64::from(limit).max(bytes.len() as u64));
    }
});
