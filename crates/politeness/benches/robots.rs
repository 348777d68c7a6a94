//! What robots.txt costs.
fn main() {}
