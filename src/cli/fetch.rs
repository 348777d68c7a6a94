//! `dragline fetch`: asks many questions at once, and writes each answer as a line the moment it is in.
//!
//! Owns what a person or a script meets: the lines on standard output, the progress on standard error, Ctrl-C, the
//! summary, the exit code. What is asked is made in [`calls`].

mod calls;
mod cookie_file;

use std::{
    io::{self, BufWriter, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use dragline_fetch::OriginAuth;
use dragline_model::{FailureKind, Ledger};

use super::{
    Trouble,
    args::{Args, FetchArgs, OrderName},
    credentials,
    gathering::{self, Watch},
    screen, slow,
    text::printable,
};
use crate::{
    Answer, AnswerStore, Gather, Slow,
    config::{Config, FetchConfig},
    daemon,
    gather::{Answers, GatherError, Handle},
};
use cookie_file::CookieFile;

/// Interrupted.
const INTERRUPTED: u8 = 130;
/// No call had a response.
const NOTHING: u8 = 3;
/// Some calls did not have the answer that was wished for.
const SOME: u8 = 4;

pub(super) fn run(command: &FetchArgs, args: &Args) -> Result<u8, Trouble> {
    let config = args.config()?;
    let credentials = credentials::read(&command.auth)?;
    let calls = calls::of(command, credentials.for_all)?;
    let cookies = command.cookie_jar.as_deref().map(CookieFile::open).transpose()?;
    let mut store = args
        .names_store()
        .then(|| AnswerStore::create_or_open(&config.store, config.keep.options()))
        .transpose()?;
    let mut gather = gather(command, &config, credentials.for_origins, calls)?.keep_pages(store.is_some());
    if let Some(cookies) = &cookies {
        gather = gather.cookies(cookies.jar().clone());
    }
    let begun = Instant::now();
    let answers = gather.start().map_err(trouble)?;
    let interrupted = listen(&answers);
    let alarm = config.gather.max_time.map(|time| Alarm::set(answers.handle(), time.get()));
    let mut tally = Tally::default();
    let told = tell(answers, command, args, store.as_mut(), &mut tally);
    screen::clear_status();
    // Whatever became of the output: what was learnt is not lost.
    let saved = cookies.map_or(Ok(()), |cookies| cookies.save());
    let kept = store.map_or(Ok(()), AnswerStore::close);
    told?;
    saved?;
    kept?;
    let interrupted = interrupted.load(Ordering::Acquire);
    let is_late = alarm.is_some_and(Alarm::has_rung) && gathering::unanswered(&tally.progress) > 0;
    if !args.output.quiet {
        let cut = gathering::Cut::of(interrupted, is_late);
        gathering::summary(&tally.progress, begun.elapsed(), cut).iter().for_each(|line| screen::say(line));
        if let Some(hint) = tally.hint() {
            screen::say(&hint);
        }
    }
    if command.explain_slow {
        let slow = Slow::of(&tally.spent, begun.elapsed());
        slow::lines(&slow).iter().for_each(|line| screen::say(line));
    }
    Ok(match tally.exit_code() {
        _ if interrupted => INTERRUPTED,
        0 if is_late => SOME,
        code => code,
    })
}

fn gather(
    command: &FetchArgs,
    config: &Config,
    for_origins: Vec<OriginAuth>,
    calls: impl Iterator<Item = Result<crate::Call, GatherError>> + Send + 'static,
) -> Result<Gather, Trouble> {
    let mut settings = config.fetch_settings()?;
    settings.auth.extend(for_origins);
    let wishes = &config.gather;
    let mut gather = Gather::new(calls)
        .settings(settings)
        .per_host(wishes.per_host)
        .concurrency(wishes.concurrency)
        .retries(wishes.retries)
        .redirects(usize::from(wishes.max_redirects))
        .retry_table(dragline_frontier::RetryTable { base: wishes.retry_wait.get() })
        .body_limit(config.fetch.max_body.get() as usize)
        .fresh(command.fresh)
        .fail_fast(command.fail_fast)
        .in_order(command.order == OrderName::Input);
    // A slow API may think for as long as the whole may take, unless somebody has said how long.
    if config.fetch.head_timeout == FetchConfig::default().head_timeout {
        gather = gather.timeout(config.fetch.total_timeout.get());
    }
    if let Some(rate) = wishes.rate()? {
        gather = gather.rate(rate);
    }
    if let Some(expect) = &command.expect {
        gather = gather.expect(expect.parse().map_err(|error: GatherError| usage("--expect", &error))?);
    }
    Ok(gather)
}

/// The first Ctrl-C (or SIGTERM) stops asking, a second one the process.
fn listen(answers: &Answers) -> Arc<AtomicBool> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let (handle, flag) = (answers.handle(), interrupted.clone());
    let listening = daemon::on_interrupt(move |nth| {
        if nth > 1 {
            screen::clear_status();
            daemon::stop_at_once(INTERRUPTED);
        }
        flag.store(true, Ordering::Release);
        handle.stop();
    });
    if let Err(error) = listening {
        tracing::warn!(%error, "no signals are heard: Ctrl-C stops at once");
    }
    interrupted
}

/// Writes the answers as they come.
fn tell(
    mut answers: Answers,
    command: &FetchArgs,
    args: &Args,
    mut store: Option<&mut AnswerStore>,
    tally: &mut Tally,
) -> Result<(), Trouble> {
    let watch = Watch::start(answers.handle(), args.output.quiet);
    let handle = answers.handle();
    let mut out = BufWriter::new(io::stdout().lock());
    while let Some(mut answer) = answers.next() {
        serde_json::to_writer(&mut out, &answer.line().headers(command.headers)).map_err(io::Error::from)?;
        out.write_all(b"\n")?;
        // Where the next one is there already, one write does for both.
        if !answers.is_next_ready() {
            out.flush()?;
        }
        tally.add(&answer);
        if store.as_deref_mut().is_some_and(|store| !store.keep(&mut answer)) {
            // The store has failed, and says why when it is closed.
            break;
        }
    }
    out.flush()?;
    watch.end();
    tally.progress = handle.progress();
    Ok(())
}

/// What is remembered of the answers for the end.
#[derive(Default)]
struct Tally {
    progress: crate::gather::Progress,
    responses: u64,
    /// What a refused address was told: how to lift the guard.
    refused: Option<String>,
    spent: Ledger,
}

impl Tally {
    fn add(&mut self, answer: &Answer) {
        self.responses += u64::from(answer.status.is_some());
        let failure = answer.failure.as_ref();
        let refused =
            failure.filter(|it| it.kind == FailureKind::Refused && it.detail.contains("--allow-net"));
        if let Some(failure) = refused.filter(|_| self.refused.is_none()) {
            self.refused = Some(failure.detail.clone());
        }
        for tried in &answer.tries {
            self.spent.add(tried.url.authority(), &tried.timings, tried.failure);
        }
        // The waits are told of the host that was asked first: its limits are what is mostly waited for.
        if let Some(first) = answer.tries.first() {
            self.spent.add_wait(first.url.authority(), answer.queued);
            self.spent.add_back_off(first.url.authority(), answer.backed_off);
        }
    }

    fn exit_code(&self) -> u8 {
        match (self.progress.failed, self.responses) {
            (0, _) => 0,
            (_, 0) => NOTHING,
            _ => SOME,
        }
    }

    /// What to do about a run that brought nothing.
    fn hint(&self) -> Option<String> {
        let refused = self.refused.as_ref().filter(|_| self.responses == 0)?;
        Some(printable(refused, 500))
    }
}

/// Ends a gathering when its time is up.
struct Alarm(Arc<AtomicBool>);

impl Alarm {
    /// The thread sleeps until then and goes with the process; a gathering that is over is not disturbed.
    fn set(handle: Handle, time: Duration) -> Self {
        let rung = Arc::new(AtomicBool::new(false));
        let flag = rung.clone();
        std::thread::spawn(move || {
            let at = Instant::now() + time;
            while let Some(left) = at.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
                std::thread::park_timeout(left);
            }
            flag.store(true, Ordering::Release);
            handle.stop();
        });
        Self(rung)
    }

    fn has_rung(self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

fn usage(flag: &str, error: &GatherError) -> Trouble {
    Trouble::Usage(format!("{flag}: {error}"))
}

fn trouble(error: GatherError) -> Trouble {
    match error {
        GatherError::Threads(_) => Trouble::Ours(error.to_string()),
        _ => Trouble::Usage(error.to_string()),
    }
}
