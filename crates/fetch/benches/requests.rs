//! Requests a second on one thread, beside plain awc in the same run.
//!
//! `cargo bench -p dragline-fetch --bench requests -- http://127.0.0.1:18082/limits.html [ROUNDS]` asks a
//! server on loopback, in turns: awc and the wire over kept connections, awc and the wire with a new connection
//! for each request. It prints the medians and their ratio, and the same of the processor time that a request
//! takes here, which a busy machine disturbs less. Without a URL it does nothing.
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

/// Requests a second, and microseconds of this thread's processor time for one.
async fn rate<F: AsyncFn()>(requests: usize, ask: F) -> (f64, f64) {
    let (begun, busy) = (Instant::now(), busy_us());
    join_all((0..AT_ONCE).map(|_| async {
        for _ in 0..requests / AT_ONCE {
            ask().await;
        }
    }))
    .await;
    let requests = requests as f64;
    (requests / begun.elapsed().as_secs_f64(), (busy_us() - busy) / requests)
}

/// Processor time of this thread in microseconds; 0 where the system does not tell.
fn busy_us() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split_whitespace().next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or(0.0) / 1e3
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

fn tell(what: &str, rounds: &[[(f64, f64); 2]]) {
    let median = |mut figures: Vec<f64>| {
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 2]
    };
    let of = |figure: fn(&[(f64, f64); 2]) -> f64| median(rounds.iter().map(figure).collect());
    println!(
        "{what}: plain awc {:.0}/s, the wire {:.0}/s, median ratio {:.2}; {:.1} and {:.1} us of processor a request, median ratio {:.2}",
        of(|[awc, _]| awc.0),
        of(|[_, wire]| wire.0),
        of(|[awc, wire]| wire.0 / awc.0),
        of(|[awc, _]| awc.1),
        of(|[_, wire]| wire.1),
        of(|[awc, wire]| awc.1 / wire.1),
    );
}
