//! The large ones: many servers that drip, many hosts that are visited once, bombs and what they cost.
//!
//! What counts descriptors or memory runs in a process of its own (this very program, asked for one test), for other
//! tests have theirs. Linux only, for `/proc`; elsewhere these two have nothing to count, and say so.

use std::{
    env, fs,
    net::SocketAddr,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use dragline::{Answer, gather::Cut};
use dragline_fetch::{Client, Limits, Request, Settings, Shared, raise_open_files};
use dragline_model::CanonicalUrl;
use flate2::{Compress, Compression, FlushCompress};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::watch,
};

use crate::{
    bodies::{br, gzip, zstd},
    site::{answer, ok, public},
    world::{gather, settings, told},
};

/// Asks for the whole size.
const FULL: &str = "DRAGLINE_FULL";

/// Says to a child what it is to do.
const ERRAND: &str = "DRAGLINE_ERRAND";

const MIB: usize = 1 << 20;

/// A size: the whole one where that is asked for.
fn sized(usual: usize, full: usize) -> usize {
    if env::var_os(FULL).is_some_and(|value| value == "1") { full } else { usual }
}

/// Runs a test of this file in a process of its own, with an errand; what it said.
fn run_alone(test: &str, errand: &str) -> String {
    let child = Command::new(env::current_exe().unwrap())
        .args(["--exact", &format!("big::{test}"), "--nocapture", "--test-threads=1"])
        .env(ERRAND, errand)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&[child.stdout, child.stderr].concat()).into_owned();
    assert!(child.status.success(), "{said}");
    said
}

/// A server of every host there is, on a thread of its own. To `/drip` it sends a head, then a byte each ten seconds;
/// to all else a short answer. The numbers are those of its connections: now, and of them the dripping ones.
fn crowd() -> (SocketAddr, watch::Receiver<(usize, usize)>) {
    let listener = std::net::TcpListener::bind("127.0.1.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let (numbers, watched) = watch::channel((0, 0));
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((mut socket, _)) = listener.accept().await {
                let numbers = numbers.clone();
                tokio::spawn(async move {
                    numbers.send_modify(|it| it.0 += 1);
                    let mut request = vec![0; 4096];
                    while let Ok(length @ 1..) = socket.read(&mut request).await {
                        if request[..length].starts_with(b"GET /drip") {
                            numbers.send_modify(|it| it.1 += 1);
                            drip(&mut socket).await;
                            numbers.send_modify(|it| it.1 -= 1);
                            break;
                        }
                        if socket.write_all(&ok("x")).await.is_err() {
                            break;
                        }
                    }
                    // First the descriptor goes, then the word of it.
                    drop(socket);
                    numbers.send_modify(|it| it.0 -= 1);
                });
            }
        });
    });
    (address, watched)
}

/// Until the client goes.
async fn drip(socket: &mut tokio::net::TcpStream) {
    let mut bytes = &b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"[..];
    let mut said = [0; 64];
    loop {
        if socket.write_all(bytes).await.is_err() {
            return;
        }
        bytes = b"x";
        if tokio::time::timeout(Duration::from_secs(10), socket.read(&mut said)).await.is_ok() {
            return;
        }
    }
}

#[test]
fn s12_drips_do_not_hold_up_the_living() {
    // How much of its rate the living keep: `crates/gather/examples/drips.rs` measures that.
    let (drips, live) = (sized(300, 1_000), 10);
    raise_open_files();
    let (address, mut watched) = crowd();
    let mut wished = settings();
    wished.overrides = vec![format!("*.test={address}").parse().unwrap()];
    let calls = (0..drips)
        .map(|n| format!("http://drip{n}.test/drip"))
        .chain((0..live * 100).map(move |n| format!("http://live{}.test/{n}", n % live)));
    let mut answers = gather(calls, wished).concurrency(drips + 64).start().unwrap();
    let mut came = 0;
    for answer in answers.by_ref() {
        assert!(answer.url.contains("//live"), "a drip has ended first: {answer:?}");
        assert_eq!(told(&answer), "200");
        came += 1;
        if came == live * 100 {
            break;
        }
    }
    // All of them are out still, and no answer of the living was waited for behind them.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(watched.wait_for(|(_, dripping)| *dripping == drips)).unwrap();
    drop(answers);
}

#[test]
fn hosts_that_are_visited_once_leave_nothing_behind() {
    if env::var_os(ERRAND).is_none() {
        return print!("{}", run_alone("hosts_that_are_visited_once_leave_nothing_behind", "count"));
    }
    let hosts = sized(1_000, 5_000);
    raise_open_files();
    let Some(_) = descriptors() else { return println!("no /proc/self/fd here: nothing is counted") };
    let (address, mut watched) = crowd();
    actix_rt::System::new().block_on(async {
        let limits = Limits { keep_idle: Duration::from_millis(500), ..Limits::default() };
        let overrides = vec![format!("*.test={address}").parse().unwrap()];
        let client = Client::new(&Shared::new(Settings { limits, overrides, ..settings() }).unwrap());
        // Once, for what a client has that stays.
        visit(&client, "first").await;
        while client.idle() > 0 {
            each_tick(&client).await;
        }
        watched.wait_for(|(open, _)| *open == 0).await.unwrap();
        let before = descriptors().unwrap();
        let mut most = 0;
        for n in 0..hosts {
            visit(&client, &format!("h{n}")).await;
            client.reap();
            most = most.max(descriptors().unwrap());
        }
        let kept = client.idle();
        let waited = Instant::now();
        while client.idle() > 0 {
            each_tick(&client).await;
        }
        // The server's ends are descriptors of this process too.
        watched.wait_for(|(open, _)| *open == 0).await.unwrap();
        assert_eq!(descriptors().unwrap(), before, "of {most}");
        println!(
            "{hosts} hosts: at most {most} descriptors, {kept} connections kept at the end, {before} descriptors {:.2} s later",
            waited.elapsed().as_secs_f64()
        );
    });
}

async fn visit(client: &Client, host: &str) {
    let url = CanonicalUrl::parse(&format!("http://{host}.test/")).unwrap();
    assert_eq!(client.fetch(&Request::get(url)).await.unwrap().status, 200);
}

async fn each_tick(client: &Client) {
    actix_rt::time::sleep(Duration::from_millis(20)).await;
    client.reap();
}

/// Descriptors of this process.
fn descriptors() -> Option<usize> {
    Some(fs::read_dir("/proc/self/fd").ok()?.count())
}

#[test]
fn s10_bombs_cost_little_memory() {
    /// What a bomb may add to the process's memory at its peak.
    const MEMORY: usize = 32 * MIB;
    let gib = sized(1, 4);
    let noisy = [&noise(32 << 10)[..], &vec![0; 40 * MIB]].concat();
    let bombs: Vec<(&str, Vec<u8>)> = vec![
        ("gzip", gzip_of_zeros(64)),
        ("gzip", gzip_of_zeros(1024 * gib)),
        // The one is cut by its ratio, the other is not so far from an honest body and reaches the limit.
        ("br", br(&vec![0; 40 * MIB])),
        ("br", br(&noisy)),
        ("zstd", zstd(8192 * gib)),
        ("zstd, gzip", gzip(&zstd(8192 * gib))),
        ("gzip, gzip, gzip, br", br(&gzip(&gzip(&gzip_of_zeros(64))))),
    ];
    let about: Vec<(&str, usize)> = bombs.iter().map(|(coding, bomb)| (*coding, bomb.len())).collect();
    let site = public(move |asked| match asked.target[1..].parse::<usize>() {
        Ok(n) => answer("200 OK", &format!("Content-Encoding: {}\r\n", bombs[n].0), &bombs[n].1),
        Err(_) => ok("x"),
    });
    for (n, (coding, wire)) in about.into_iter().enumerate() {
        let said = run_alone("ask_for_a_bomb", &site.url(&format!("/{n}")));
        let Some(line) = said.lines().find_map(|line| line.strip_prefix(ERRAND)) else {
            assert!(memory("VmHWM:").is_none(), "the child is silent: {said}");
            return println!("nobody tells here how much memory is used");
        };
        println!("{coding}, {wire} bytes on the wire{line}");
        let [_, grown, body, cut] = line.split(';').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let body: usize = body.parse().unwrap();
        match cut {
            "ratio" => assert_eq!(body, MIB),
            "whole" => assert!(coding.contains(',') && body <= wire, "{coding}: {line}"),
            _ => assert_eq!(body, 16 * MIB, "{coding}: {line}"),
        }
        assert!(grown.parse::<usize>().unwrap() < MEMORY, "{coding}: {line}");
    }
}

/// The child: asks for one bomb, and tells what it cost. A test like any other, and one that does nothing, where
/// nobody asked.
#[test]
fn ask_for_a_bomb() {
    let Ok(url) = env::var(ERRAND) else { return };
    let ask =
        |url: String| -> Answer { gather([url], settings()).threads(1).start().unwrap().next().unwrap() };
    // What a first request brings with it stays out of the account.
    let small = ask(url.rsplit_once('/').unwrap().0.to_owned() + "/small");
    assert_eq!(told(&small), "200");
    let Some(before) = memory("VmHWM:") else { return };
    let answer = ask(url);
    let grown = memory("VmHWM:").unwrap() - before;
    let cut = answer.truncated.map_or("whole", Cut::as_str);
    assert!(answer.truncated.is_some() || !answer.is_ok(), "it is no bomb: {answer:?}");
    println!("\n{ERRAND};{grown};{};{cut}", answer.body.len());
}

/// So many MiB of zeros, flushed so often that it is one part repeated.
fn gzip_of_zeros(mib: usize) -> Vec<u8> {
    let mut part = Vec::with_capacity(4096);
    let mut deflate = Compress::new(Compression::best(), false);
    deflate.compress_vec(&vec![0; MIB], &mut part, FlushCompress::Full).unwrap();
    [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255], &part.repeat(mib)[..], &[3, 0], &[0; 8]].concat()
}

/// Bytes that no coding makes smaller (xorshift).
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..len).map(next).collect()
}

/// A line of this process's status, in bytes.
fn memory(name: &str) -> Option<usize> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let kib = status.lines().find_map(|line| line.strip_prefix(name))?.trim().strip_suffix("kB")?;
    Some(kib.trim().parse::<usize>().ok()? << 10)
}
