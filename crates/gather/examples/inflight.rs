//! What a call in flight costs: `inflight [CALLS] [SECONDS] [ROUNDS]`.
//!
//! Starts a server as a process of its own, whose answers take that long, and asks it so many questions at once:
//! with raw sockets, which is what the machine can do at best, and with a gathering. Prints wall times, and by how
//! much the memory of this process grew at its highest, per call: of the first round, as the rounds share what the
//! allocator keeps.

use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use dragline_fetch::{Limits, Settings};
use dragline_gather::Gather;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

type Error = Box<dyn std::error::Error>;

/// Connections that wait to be accepted.
const BACKLOG: u32 = 16_384;

fn main() -> Result<(), Error> {
    let args: Vec<String> = env::args().skip(1).collect();
    if args.first().is_some_and(|arg| arg == "serve") {
        return serve();
    }
    let number = |at: usize, default: f64| args.get(at).map_or(Ok(default), |arg| arg.parse::<f64>());
    let (calls, seconds, rounds) = (number(0, 10_000.0)? as u64, number(1, 2.0)?, number(2, 3.0)? as u64);
    for _ in 0..rounds {
        let raw = with_server(|address| raw(address, calls, seconds))?;
        let (gathered, bytes) = with_server(|address| gathered(address, calls, seconds))?;
        println!(
            "{calls} calls of {seconds} s: raw sockets {:.2} s, gathered {:.2} s ({:.2} times), {bytes} bytes a call at most",
            raw.as_secs_f64(),
            gathered.as_secs_f64(),
            gathered.as_secs_f64() / raw.as_secs_f64(),
        );
    }
    Ok(())
}

/// Runs with a server that nobody has used yet.
fn with_server<T>(run: impl FnOnce(&str) -> Result<T, Error>) -> Result<T, Error> {
    struct Server(Child);
    impl Drop for Server {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
    let mut server = Server(
        Command::new(env::current_exe()?)
            .arg("serve")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?,
    );
    let mut address = String::new();
    BufReader::new(server.0.stdout.take().ok_or("the server has no output")?).read_line(&mut address)?;
    run(address.trim())
}

fn gathered(address: &str, calls: u64, seconds: f64) -> Result<(Duration, i64), Error> {
    let urls: Vec<String> =
        (0..calls).map(|call| format!("http://{address}/d?s={seconds}&n={call}")).collect();
    let settings = Settings {
        allow_net: vec!["127.0.0.0/8".parse()?],
        limits: Limits { connect: Duration::from_secs(60), ..Limits::default() },
        ..Settings::default()
    };
    let before = memory("VmRSS:")?;
    let started = Instant::now();
    let gather = Gather::new(urls).per_host(calls as usize).concurrency(calls as usize);
    let answers = gather.settings(settings).retries(0).start()?;
    let mut ok = 0;
    for answer in answers {
        if !answer.is_ok() {
            return Err(format!("not answered: {:?}", answer.failure).into());
        }
        ok += 1;
    }
    let took = started.elapsed();
    let grown = (memory("VmHWM:")? - before) / i64::try_from(calls)?;
    if ok == calls { Ok((took, grown)) } else { Err(format!("{ok} answers").into()) }
}

fn raw(address: &str, calls: u64, seconds: f64) -> Result<Duration, Error> {
    let threads = std::thread::available_parallelism()?.get() as u64;
    let started = Instant::now();
    let workers: Vec<_> = (0..threads)
        .map(|thread| {
            let (address, share) =
                (address.to_owned(), calls / threads + u64::from(thread < calls % threads));
            std::thread::spawn(move || -> Result<(), String> {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.map_err(|error| error.to_string())?.block_on(async move {
                    let local = tokio::task::LocalSet::new();
                    let asked: Vec<_> = (0..share)
                        .map(|call| {
                            local.spawn_local(ask(address.clone(), format!("/d?s={seconds}&n={call}")))
                        })
                        .collect();
                    local.await;
                    for one in asked {
                        one.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
                    }
                    Ok(())
                })
            })
        })
        .collect();
    for worker in workers {
        worker.join().map_err(|_| "a thread panicked")??;
    }
    Ok(started.elapsed())
}

async fn ask(address: String, target: String) -> std::io::Result<()> {
    let mut socket = TcpStream::connect(&address).await?;
    socket.set_nodelay(true)?;
    socket.write_all(format!("GET {target} HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes()).await?;
    let mut answer = Vec::with_capacity(512);
    while !answer.ends_with(b"}") {
        if socket.read_buf(&mut answer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}

/// Answers each request after the seconds it names; ends with its input.
fn serve() -> Result<(), Error> {
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
            tokio::spawn(answer(socket));
        }
    })
}

async fn answer(mut socket: TcpStream) -> std::io::Result<()> {
    socket.set_nodelay(true)?;
    let mut request = Vec::with_capacity(512);
    loop {
        while !request.ends_with(b"\r\n\r\n") {
            if socket.read_buf(&mut request).await? == 0 {
                return Ok(());
            }
        }
        let text = String::from_utf8_lossy(&request);
        let seconds = text.split_once("s=").and_then(|(_, rest)| rest.split(['&', ' ']).next()?.parse().ok());
        tokio::time::sleep(Duration::from_secs_f64(seconds.unwrap_or(0.0))).await;
        request.clear();
        let body = "{\"answer\":42}";
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        socket.write_all(answer.as_bytes()).await?;
    }
}

/// Memory of this process, now (`VmRSS:`) or at its highest (`VmHWM:`), in bytes.
fn memory(which: &str) -> Result<i64, Error> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(which)).ok_or("no such figure")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<i64>()? * 1024)
}
