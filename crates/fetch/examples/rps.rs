//! Requests a second of [`Client`] against one URL, beside plain awc in the same run.
//!
//! ```text
//! cargo run --release -p dragline-fetch --example rps -- http://127.0.0.1:18082/index.html [REQUESTS] [AT_ONCE]
//! ```
//!
//! The two take turns, so that whatever else the machine does hits both. One thread, as a fetcher has. The
//! processor time a request (of this thread, user and system) says more than the rate where the server runs
//! on the same machine; it is 0 where the system does not tell.

use std::{cell::Cell, error::Error, fmt, future::Future, rc::Rc, time::Duration};

use dragline_fetch::{Client, Request, Settings, Shared};
use dragline_model::CanonicalUrl;
use tokio::time::Instant;

const ROUNDS: usize = 5;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let mut args = std::env::args().skip(1);
    let url = CanonicalUrl::parse(&args.next().ok_or("usage: rps URL [REQUESTS] [AT_ONCE]")?)?;
    let requests: usize = args.next().map_or(Ok(20_000), |text| text.parse())?;
    let at_once: usize = args.next().map_or(Ok(64), |text| text.parse())?;
    actix_rt::System::new().block_on(run(url, requests, at_once))
}

async fn run(url: CanonicalUrl, requests: usize, at_once: usize) -> Outcome<()> {
    let mut settings = Settings { allow_net: vec!["127.0.0.0/8".parse()?], ..Settings::default() };
    settings.limits.idle_per_host = at_once;
    let ours = Client::new(&Shared::new(settings)?);
    let plain = awc::Client::builder()
        .connector(awc::Connector::new().limit(at_once))
        .disable_redirects()
        .timeout(Duration::from_secs(30))
        .finish();

    for round in 1..=ROUNDS {
        let (client, request) = (ours.clone(), Request::get(url.clone()));
        let wire = measure(requests, at_once, move || {
            let (client, request) = (client.clone(), Request::get(request.url.clone()));
            async move { client.fetch(&request).await.map(|page| page.body.len()).map_err(|f| f.to_string()) }
        })
        .await?;
        let (client, text) = (plain.clone(), url.clone());
        let plain_awc = measure(requests, at_once, move || {
            let (client, text) = (client.clone(), text.clone());
            async move {
                let mut response = client
                    .get(text.as_str())
                    .no_decompress()
                    .send()
                    .await
                    .map_err(|error| error.to_string())?;
                let body = response.body().limit(64 << 20).await.map_err(|error| error.to_string())?;
                Ok(body.len())
            }
        })
        .await?;
        println!("round {round}: dragline-fetch {wire}   awc {plain_awc}");
    }
    Ok(())
}

/// What a number of requests cost.
struct Cost {
    per_second: f64,
    cpu_micros: f64,
    megabytes: f64,
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { per_second, cpu_micros, megabytes } = self;
        write!(f, "{per_second:6.0}/s {cpu_micros:5.1} µs of CPU each ({megabytes:.1} MB)")
    }
}

/// Makes `requests` requests, `at_once` at a time.
async fn measure<F>(requests: usize, at_once: usize, ask: impl Fn() -> F + Clone + 'static) -> Outcome<Cost>
where
    F: Future<Output = Result<usize, String>> + 'static,
{
    let (left, bytes) = (Rc::new(Cell::new(requests)), Rc::new(Cell::new(0)));
    let (started, cpu) = (Instant::now(), cpu_nanos());
    let workers: Vec<_> = (0..at_once)
        .map(|_| {
            let (left, bytes, ask) = (Rc::clone(&left), Rc::clone(&bytes), ask.clone());
            actix_rt::spawn(async move {
                while left.get() > 0 {
                    left.set(left.get() - 1);
                    let came = ask().await?;
                    bytes.set(bytes.get() + came);
                }
                Ok::<(), String>(())
            })
        })
        .collect();
    for worker in workers {
        worker.await??;
    }
    Ok(Cost {
        per_second: requests as f64 / started.elapsed().as_secs_f64(),
        cpu_micros: (cpu_nanos() - cpu) as f64 / 1000.0 / requests as f64,
        megabytes: bytes.get() as f64 / 1e6,
    })
}

/// Processor time of this thread so far, in nanoseconds.
fn cpu_nanos() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split_whitespace().next().and_then(|nanos| nanos.parse().ok()).unwrap_or_default()
}
