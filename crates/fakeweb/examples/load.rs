//! How many answers a second one thread of the fake web gives, asked over raw sockets from one other thread.
//!
//! ```text
//! cargo run --release -p dragline-fakeweb --example load -- [page bytes] [connections] [pipelined] [seconds]
//! ```
//!
//! For 0 bytes it is the pages of the site without end that are asked for, with their hundred links.

use std::{
    env,
    error::Error,
    fs, io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use dragline_fakeweb::{Endless, WebSpec};
use memchr::memmem::Finder;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    runtime, time,
};

/// Different pages that each connection asks for in turn.
const REQUESTS: usize = 64;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1).map(|text| text.parse::<usize>());
    let mut arg = |default| args.next().unwrap_or(Ok(default));
    let (page_bytes, connections, pipelined, seconds) = (arg(500)?, arg(64)?, arg(1)?.max(1), arg(3)?);
    // A page is never smaller than its links: one link makes a small page.
    let links_per_page = if page_bytes < 4_000 { 1 } else { 20 };
    let endless = (page_bytes == 0).then(Endless::default);
    let web = WebSpec {
        hosts: 100,
        pages_per_host: 1_000,
        page_bytes,
        links_per_page,
        endless,
        ..WebSpec::default()
    }
    .start()?;

    let done = Arc::new(AtomicBool::new(false));
    let (answers, bytes) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let start = Instant::now();
    runtime.block_on(async {
        let clients: Vec<_> = (0..connections)
            .map(|number| {
                let url = |page| match page_bytes {
                    0 => format!("http://i{:03}.fakeweb.test/p/{:016x}", number % 100, page),
                    _ => web.url(number % 100, number * 7 % 900 + page),
                };
                let requests = (0..REQUESTS).map(|page| request(&url(page))).collect();
                let client =
                    ask(web.addr(), requests, pipelined, done.clone(), answers.clone(), bytes.clone());
                tokio::spawn(client)
            })
            .collect();
        time::sleep(Duration::from_secs(seconds as u64)).await;
        done.store(true, Ordering::Relaxed);
        for client in clients {
            client.await??;
        }
        Ok::<(), Box<dyn Error>>(())
    })?;
    let cpu = server_cpu();
    let elapsed = start.elapsed().as_secs_f64();
    let (answers, bytes) = (answers.load(Ordering::Relaxed), bytes.load(Ordering::Relaxed));
    assert_eq!(answers, web.requests());
    println!(
        "{:.0} answers/s, {:.1} MB/s ({} bytes each), {connections} connections, {pipelined} pipelined",
        answers as f64 / elapsed,
        bytes as f64 / elapsed / 1e6,
        bytes / answers.max(1),
    );
    if let Some(cpu) = cpu {
        // On a machine with other work to do this says more than the rate.
        let each = cpu.as_secs_f64() / answers.max(1) as f64;
        println!("{:.1} µs of the server's CPU an answer: at most {:.0}/s a thread", each * 1e6, 1.0 / each);
    }
    Ok(())
}

/// CPU time of the web's threads so far, where the system tells (Linux).
fn server_cpu() -> Option<Duration> {
    let mut ticks = 0;
    for task in fs::read_dir("/proc/self/task").ok()?.flatten() {
        let stat = fs::read_to_string(task.path().join("stat")).ok()?;
        let (name, fields) = stat.rsplit_once(')')?;
        if name.contains("(fakeweb-") {
            // User and system time: fields 14 and 15 of proc_pid_stat(5), in hundredths of a second.
            ticks += fields.split_whitespace().skip(11).take(2).flat_map(str::parse::<u64>).sum::<u64>();
        }
    }
    Some(Duration::from_millis(ticks * 10))
}

fn request(url: &str) -> Vec<u8> {
    let rest = url.trim_start_matches("http://");
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: load\r\nAccept: */*\r\n\r\n").into_bytes()
}

async fn ask(
    addr: SocketAddr,
    requests: Vec<Vec<u8>>,
    pipelined: usize,
    done: Arc<AtomicBool>,
    answers: Arc<AtomicU64>,
    bytes: Arc<AtomicU64>,
) -> io::Result<()> {
    let mut stream = TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    let batches: Vec<Vec<u8>> = requests.chunks(pipelined).map(<[_]>::concat).collect();
    let sizes: Vec<usize> = requests.chunks(pipelined).map(<[_]>::len).collect();
    let mut inbox = Vec::with_capacity(256 << 10);
    for (batch, size) in batches.iter().zip(&sizes).cycle() {
        if done.load(Ordering::Relaxed) {
            break;
        }
        stream.write_all(batch).await?;
        for _ in 0..*size {
            let length = loop {
                match answer_length(&inbox)? {
                    Some(length) if length <= inbox.len() => break length,
                    _ if stream.read_buf(&mut inbox).await? == 0 => {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                    _ => {}
                }
            };
            inbox.drain(..length);
            answers.fetch_add(1, Ordering::Relaxed);
            bytes.fetch_add(length as u64, Ordering::Relaxed);
        }
    }
    Ok(())
}

/// The length of the answer that some bytes begin with, once its head is there; every answer here is a 200.
fn answer_length(bytes: &[u8]) -> io::Result<Option<usize>> {
    let Some(head) = Finder::new(b"\r\n\r\n").find(bytes).map(|at| at + 4) else { return Ok(None) };
    let text = String::from_utf8_lossy(&bytes[..head]);
    let length =
        text.split("Content-Length: ").nth(1).and_then(|rest| rest.split('\r').next()?.parse::<usize>().ok());
    match length {
        Some(length) if text.starts_with("HTTP/1.1 200 ") => Ok(Some(head + length)),
        _ => Err(io::Error::other(format!("unexpected answer: {text}"))),
    }
}
