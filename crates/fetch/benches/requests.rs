//! Requests a second on one thread, beside plain awc in the same run.
//!
//! `cargo bench -p dragline-fetch --bench requests -- http://127.0.0.1:18082/limits.html [ROUNDS]` asks a
//! server on loopback, in turns: awc and the wire over kept connections, awc and the wire with a new connection
//! for each request. It prints the medians and their ratio. Without a URL it does nothing.
//! `ulimit -n` bounds nothing here: 32 requests are out at a time.
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot run says so by ending")]

use std::time::{Duration, Instant};

use dragline_fetch::{Client, Request, Settings, Shared};
use futures_util::future::join_all;

/// Requests out at a time.
const AT_ONCE: usize = 32;
/// Requests of each kind in a round.
const KEPT: usize = 20_000;
/// Fewer with new connections: each leaves a port behind for a minute.
const FRESH: usize = 2_000;

fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| !arg.starts_with("--"));
    let Some(url) = args.next() else {
        println!("no URL: nothing to measure");
        return;
    };
    let rounds: usize = args.next().map_or(5, |rounds| rounds.parse().unwrap());
    actix_rt::System::new().block_on(async {
        let (mut kept, mut fresh) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            kept.push([rate(KEPT, plain(&url, true)).await, rate(KEPT, wire(&url, false)).await]);
            fresh.push([rate(FRESH, plain(&url, false)).await, rate(FRESH, wire(&url, true)).await]);
        }
        tell("kept connections", &kept);
        tell("new connections", &fresh);
    });
}

/// Requests a second.
async fn rate<F: AsyncFn()>(requests: usize, ask: F) -> f64 {
    let begun = Instant::now();
    join_all((0..AT_ONCE).map(|_| async {
        for _ in 0..requests / AT_ONCE {
            ask().await;
        }
    }))
    .await;
    requests as f64 / begun.elapsed().as_secs_f64()
}

/// awc as it comes, but for the length of its patience and of its pool.
fn plain(url: &str, keep: bool) -> impl AsyncFn() {
    let connector = awc::Connector::new().limit(AT_ONCE).timeout(Duration::from_secs(60));
    let client = awc::Client::builder().connector(connector).finish();
    let url = url.to_owned();
    async move || {
        let mut request = client.get(&url);
        if !keep {
            request = request.force_close();
        }
        let mut answer = request.send().await.unwrap();
        assert!(answer.status().is_success());
        answer.body().limit(64 << 20).await.unwrap();
    }
}

fn wire(url: &str, fresh: bool) -> impl AsyncFn() {
    let settings = Settings { allow_net: vec!["127.0.0.0/8".parse().unwrap()], ..Settings::default() };
    let client = Client::new(&Shared::new(settings).unwrap());
    let url = url.to_owned();
    async move || {
        let mut request = Request::parse(&url).unwrap();
        request.fresh = fresh;
        let page = client.fetch(&request).await.unwrap();
        assert_eq!(page.status, 200);
    }
}

fn tell(what: &str, rounds: &[[f64; 2]]) {
    let median = |mut rates: Vec<f64>| {
        rates.sort_by(f64::total_cmp);
        rates[rates.len() / 2]
    };
    let [awc, wire] = [0, 1].map(|i| median(rounds.iter().map(|round| round[i]).collect()));
    let ratio = median(rounds.iter().map(|[awc, wire]| wire / awc).collect());
    println!("{what}: plain awc {awc:.0}/s, the wire {wire:.0}/s, median ratio {ratio:.2}");
}
