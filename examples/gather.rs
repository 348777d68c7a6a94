//! Five calls of two seconds each take two seconds: `cargo run --example gather`.
//!
//! The slow API is a part of this program, so that nothing else is needed; against a real one the settings stay as
//! they are by default, and `main` is ten lines.

use std::time::Duration;

use dragline::{Gather, fetch::Settings};
use dragline_fakeweb::{Script, Step, Web, WebSpec};

#[derive(serde::Deserialize)]
struct Item {
    name: String,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let api = slow_api()?;
    let urls = (1..=5).map(|page| format!("http://api.test/items?page={page}"));
    let settings =
        Settings { overrides: vec![format!("api.test={}", api.addr()).parse()?], ..Settings::default() };
    for answer in Gather::new(urls).settings(settings).expect("json,2xx".parse()?).start()? {
        match answer.parse::<Item>() {
            Ok(item) => println!("{}: {} after {:.1} s", answer.url, item.name, answer.elapsed.as_secs_f64()),
            Err(error) => eprintln!("{error}"),
        }
    }
    Ok(())
}

/// Answers everything after two seconds.
fn slow_api() -> std::io::Result<Web> {
    let item = Step::answer("200 OK", &["Content-Type: application/json"], r#"{"name": "a thread"}"#);
    let script = Script::new([Step::Delay(Duration::from_secs(2)), item]);
    WebSpec { hosts: 1, pages_per_host: 1, ..WebSpec::default() }.script("api.test", "*", script).start()
}
