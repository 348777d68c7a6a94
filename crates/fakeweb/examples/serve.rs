//! Serves a web until it is stopped (Ctrl-C), and says how to reach it.
//!
//! ```text
//! cargo run --release -p dragline-fakeweb --example serve -- [hosts] [pages per host] [share of each fault] [seed] \
//!     [hosts without end]
//! ```

use std::{env, error::Error, str::FromStr, thread, time::Duration};

use dragline_fakeweb::{Endless, Faults, WebSpec};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    let endless: usize = arg(&args, 4, "hosts without end", 0)?;
    let spec = WebSpec {
        hosts: arg(&args, 0, "hosts", 100)?,
        pages_per_host: arg(&args, 1, "pages per host", 100)?,
        faults: Faults::mixed(arg(&args, 2, "share of each fault", 0.0)?),
        seed: arg(&args, 3, "seed", 1)?,
        robots: 0.5,
        endless: (endless > 0).then(|| Endless { hosts: endless, ..Endless::default() }),
        // A log of millions of requests would be what is measured.
        keep_log: endless == 0,
        latency: Duration::ZERO,
        ..WebSpec::default()
    };
    let web = spec.start()?;
    println!("address  {}", web.addr());
    println!("resolve  {}", web.resolve_rule());
    println!("seed     {}", web.url(0, 0));
    if let Some(seed) = web.endless_seeds().last() {
        println!("endless  http://i000.fakeweb.test/ to {seed}");
    }
    println!("try      curl --proxy http://{} {}", web.addr(), web.url(0, 1));
    // The web's own threads serve; this one has nothing left to do.
    loop {
        thread::park();
    }
}

fn arg<T: FromStr>(args: &[String], at: usize, name: &str, default: T) -> Result<T, String> {
    args.get(at)
        .map_or(Ok(default), |text| text.parse().map_err(|_| format!("{name}: \"{text}\" is no number")))
}
