//! What servers that drip take from those that answer: `drips [DRIPS] [SECONDS] [LATENCY_MS] [ROUNDS]`.
//!
//! Starts a server as a process of its own, that is a thousand hosts which send a byte in ten seconds, and ten which
//! answer after some milliseconds. Asks the ten as fast as they go, without the thousand and with them out, and
//! prints both rates and their ratio.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use dragline_fetch::{Settings, raise_open_files};
use dragline_gather::Gather;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

type Error = Box<dyn std::error::Error>;

/// Hosts that answer.
const LIVE: u64 = 10;

/// Requests that are out at one of them.
const PER_HOST: usize = 8;

/// Connections that wait to be accepted.
const BACKLOG: u32 = 4_096;

/// From the start to the counting: connections are made, drips begin.
const WARM_UP: Duration = Duration::from_secs(3);

/// From a drip's byte to its next.
const TICK: Duration = Duration::from_secs(10);

fn main() -> Result<(), Error> {
    let args: Vec<String> = env::args().skip(1).collect();
    let number = |at: usize, usual: u64| args.get(at).map_or(Ok(usual), |arg| arg.parse());
    if args.first().is_some_and(|arg| arg == "serve") {
        return serve(Duration::from_millis(number(1, 20)?));
    }
    let (drips, seconds, latency, rounds) = (number(0, 1_000)?, number(1, 5)?, number(2, 20)?, number(3, 3)?);
    raise_open_files();
    for _ in 0..rounds {
        // The same room in both: it is also how many answers may wait to be taken.
        let room = drips as usize + LIVE as usize * PER_HOST;
        let without = rate(0, room, seconds, latency)?;
        let with = rate(drips, room, seconds, latency)?;
        println!(
            "{LIVE} hosts that answer in {latency} ms: {without:.0} answers/s, beside {drips} that drip {with:.0}/s: {:.1} %",
            100.0 * with / without
        );
    }
    Ok(())
}

/// Answers a second of those that live. On one thread, for more calls would have more of them.
fn rate(drips: u64, room: usize, seconds: u64, latency: u64) -> Result<f64, Error> {
    let server = Server::start(latency)?;
    let settings =
        Settings { overrides: vec![format!("*.test={}", server.address).parse()?], ..Settings::default() };
    let calls = (0..drips)
        .map(|n| format!("http://drip{n}.test/drip"))
        .chain((0..).map(|n: u64| format!("http://live{}.test/{n}", n % LIVE)));
    let mut answers = Gather::new(calls)
        .settings(settings)
        .concurrency(room)
        .per_host(PER_HOST)
        .retries(0)
        .threads(1)
        .start()?;
    let started = Instant::now();
    let mut counted = 0_u64;
    for answer in answers.by_ref() {
        if !answer.is_ok() {
            return Err(format!("{}: {:?}", answer.url, answer.failure).into());
        }
        let since = started.elapsed();
        counted += u64::from(since >= WARM_UP);
        if since >= WARM_UP + Duration::from_secs(seconds) {
            break;
        }
    }
    let out = answers.handle().progress().out;
    if out < drips {
        return Err(format!("of {drips} that drip only {out} are out").into());
    }
    Ok(counted as f64 / seconds as f64)
}

/// A process that ends with this value.
struct Server {
    process: Child,
    address: String,
}

impl Server {
    fn start(latency: u64) -> Result<Self, Error> {
        let mut process = Command::new(env::current_exe()?)
            .args(["serve", &latency.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut address = String::new();
        BufReader::new(process.stdout.take().ok_or("the server has no output")?).read_line(&mut address)?;
        Ok(Self { process, address: address.trim().to_owned() })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Ends with its input.
fn serve(latency: Duration) -> Result<(), Error> {
    raise_open_files();
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_line(&mut String::new());
        #[expect(clippy::disallowed_methods, reason = "this process is only the server")]
        std::process::exit(0);
    });
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let socket = TcpSocket::new_v4()?;
        socket.bind(([127, 0, 0, 1], 0).into())?;
        let listener = socket.listen(BACKLOG)?;
        println!("{}", listener.local_addr()?);
        std::io::stdout().flush()?;
        loop {
            let Ok((socket, _)) = listener.accept().await else { continue };
            tokio::spawn(answer(socket, latency));
        }
    })
}

async fn answer(mut socket: TcpStream, latency: Duration) -> std::io::Result<()> {
    socket.set_nodelay(true)?;
    let mut request = Vec::with_capacity(512);
    loop {
        while !request.ends_with(b"\r\n\r\n") {
            if socket.read_buf(&mut request).await? == 0 {
                return Ok(());
            }
        }
        if request.starts_with(b"GET /drip") {
            socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n").await?;
            loop {
                tokio::time::sleep(TICK).await;
                socket.write_all(b"x").await?;
            }
        }
        request.clear();
        tokio::time::sleep(latency).await;
        socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await?;
    }
}
