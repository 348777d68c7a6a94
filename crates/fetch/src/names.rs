//! Names and their addresses, for the whole process.
//!
//! Owns the thread that asks, and what was answered. A resolver's own tasks must outlive any one fetcher, so it
//! has a thread and a runtime to itself; the fetchers leave a question and wait. The same question asked twice at
//! once is put once. The two families are asked for apart, so that connecting need not wait for both.

mod cache;
mod resolver;

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use dragline_model::{Failure, FailureKind};
use tokio::{
    runtime,
    sync::{mpsc, watch},
    time::Instant,
};

use self::{
    cache::{Cache, Slot},
    resolver::Resolver,
};

/// The two kinds of addresses, in the order they are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    V6,
    V4,
}

/// What came of a question for a name in one family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// At least one address.
    Found(Arc<[IpAddr]>),
    /// The name does not exist, in no family (RFC 2308 §2.1).
    NoName,
    /// The name exists and has no address of this family (RFC 2308 §2.2).
    NoAddress,
    /// The name server gave no answer, or none that can be used; why.
    Trouble(Arc<str>),
    /// This machine lacks something; what.
    Wanting(Arc<str>),
}

impl Outcome {
    /// Why a name leads nowhere, from what both families came to.
    pub(crate) fn failure(name: &str, both: [&Outcome; 2]) -> Failure {
        for outcome in both {
            match outcome {
                Outcome::Wanting(what) => {
                    return Failure::new(FailureKind::Resources, format!("looking up {name}: {what}"));
                }
                Outcome::Trouble(why) => return Failure::new(FailureKind::Dns, format!("{name}: {why}")),
                _ => {}
            }
        }
        let why = if both.contains(&&Outcome::NoName) {
            format!("{name}: there is no such name (NXDOMAIN)")
        } else {
            format!("{name} has no address")
        };
        Failure::new(FailureKind::Dns, why)
    }
}

/// Finds addresses. One for a process.
pub(crate) struct Names {
    cache: Arc<Mutex<Cache>>,
    /// The way to the thread, from the first question on. The thread ends when this is dropped.
    thread: Mutex<Option<mpsc::UnboundedSender<Question>>>,
    name_servers: Vec<SocketAddr>,
    limit: Duration,
    at_once: usize,
}

/// Something for the thread to find out. As many wait as there are visits that wait for them.
struct Question {
    name: Box<str>,
    family: Family,
    answer: watch::Sender<Option<Outcome>>,
}

impl Names {
    /// Nothing is read and no thread is started before the first question. No name servers: the system's.
    /// `limit`: for an answer to come. `at_once`: questions under way at the same time.
    pub(crate) fn new(name_servers: Vec<SocketAddr>, limit: Duration, at_once: usize) -> Self {
        Self { cache: Arc::default(), thread: Mutex::new(None), name_servers, limit, at_once }
    }

    /// Asks for a name, as it stands in a URL, in one family.
    pub(crate) fn ask(&self, name: &str, family: Family) -> Asked {
        // With its final dot a name is the same name.
        let name = name.strip_suffix('.').unwrap_or(name);
        let mut cache = lock(&self.cache);
        let slot = cache.slot(name, family);
        match slot {
            Slot::Known(outcome, until) if Instant::now() < *until => return Asked::Known(outcome.clone()),
            // Nobody is at the other end where the task that asked has panicked.
            Slot::Flying(answer) if answer.has_changed().is_ok() => return Asked::Awaited(answer.clone()),
            _ => {}
        }
        let (answer, waiting) = watch::channel(None);
        *slot = Slot::Flying(waiting.clone());
        drop(cache);
        match self.put(Question { name: name.into(), family, answer }) {
            Ok(()) => Asked::Awaited(waiting),
            Err(error) => Asked::Known(Outcome::Wanting(error.to_string().into())),
        }
    }

    /// Leaves a question with the thread, which is started where there is none.
    fn put(&self, question: Question) -> io::Result<()> {
        let mut thread = lock(&self.thread);
        let question = match &*thread {
            Some(questions) => match questions.send(question) {
                Ok(()) => return Ok(()),
                Err(refused) => refused.0,
            },
            None => question,
        };
        let questions = thread.insert(self.start()?);
        // The thread has only just begun to listen.
        questions.send(question).map_err(|_| io::Error::other("the thread that looks names up has ended"))
    }

    fn start(&self) -> io::Result<mpsc::UnboundedSender<Question>> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let (questions, inbox) = mpsc::unbounded_channel();
        let cache = Arc::clone(&self.cache);
        let (name_servers, limit, at_once) = (self.name_servers.clone(), self.limit, self.at_once);
        thread::Builder::new().name("dragline-names".to_owned()).spawn(move || {
            runtime.block_on(async {
                match Resolver::new(&name_servers, limit, at_once) {
                    Ok(resolver) => serve(Arc::new(resolver), cache, inbox).await,
                    Err(why) => refuse(&why, &cache, inbox).await,
                }
            });
        })?;
        Ok(questions)
    }
}

/// Answers until nobody can ask any more.
async fn serve(
    resolver: Arc<Resolver>,
    cache: Arc<Mutex<Cache>>,
    mut inbox: mpsc::UnboundedReceiver<Question>,
) {
    while let Some(question) = inbox.recv().await {
        let (resolver, cache) = (Arc::clone(&resolver), Arc::clone(&cache));
        // A task each: a name server that is silent about one name holds up no other.
        tokio::spawn(async move {
            let (outcome, ttl) = resolver.answer(&question.name, question.family).await;
            settle(&cache, question, outcome, ttl);
        });
    }
}

/// Where there can be no resolver, everybody is told so.
async fn refuse(why: &str, cache: &Mutex<Cache>, mut inbox: mpsc::UnboundedReceiver<Question>) {
    while let Some(question) = inbox.recv().await {
        settle(cache, question, Outcome::Trouble(why.into()), None);
    }
}

fn settle(cache: &Mutex<Cache>, question: Question, outcome: Outcome, ttl: Option<Duration>) {
    *lock(cache).slot(&question.name, question.family) = Slot::of(outcome.clone(), ttl, Instant::now());
    // Those who waited may have given up.
    let _ = question.answer.send(Some(outcome));
}

/// Nothing is left half done under these locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A question that was put.
#[derive(Debug)]
pub(crate) enum Asked {
    Known(Outcome),
    Awaited(watch::Receiver<Option<Outcome>>),
}

impl Asked {
    /// Waits for the answer, no longer than the name servers are given.
    pub(crate) async fn outcome(self) -> Outcome {
        let gone = || Outcome::Trouble("the look-up broke off".into());
        match self {
            Asked::Known(outcome) => outcome,
            Asked::Awaited(mut answer) => match answer.wait_for(Option::is_some).await {
                Ok(outcome) => outcome.clone().unwrap_or_else(gone),
                Err(_) => gone(),
            },
        }
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Names").field("name_servers", &self.name_servers).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_a_name_leads_nowhere() {
        let trouble = || Outcome::Trouble("the name server failed (SERVFAIL)".into());
        for (v6, v4, want) in [
            (Outcome::NoName, Outcome::NoName, "dns: a.test: there is no such name (NXDOMAIN)"),
            (Outcome::NoAddress, Outcome::NoName, "dns: a.test: there is no such name (NXDOMAIN)"),
            (Outcome::NoAddress, Outcome::NoAddress, "dns: a.test has no address"),
            (Outcome::NoAddress, trouble(), "dns: a.test: the name server failed (SERVFAIL)"),
            (trouble(), Outcome::NoAddress, "dns: a.test: the name server failed (SERVFAIL)"),
            (
                Outcome::Wanting("too many files".into()),
                trouble(),
                "resources: looking up a.test: too many files",
            ),
        ] {
            assert_eq!(Outcome::failure("a.test", [&v6, &v4]).to_string(), want);
        }
    }

    #[test]
    fn the_thread_ends_with_its_names() {
        // Nobody answers there: the question is still open when the names go.
        let nobody = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let names = Names::new(vec![nobody.local_addr().unwrap()], Duration::from_secs(3600), 1);
        let asked = names.ask("a.test", Family::V4);
        let cache = Arc::downgrade(&names.cache);
        drop(names);
        let outcome = runtime::Builder::new_current_thread().build().unwrap().block_on(asked.outcome());
        assert_eq!(outcome, Outcome::Trouble("the look-up broke off".into()));
        // The runtime's end drops the tasks and with them all that holds the cache; the waiting end hears it
        // in the middle of that.
        while cache.strong_count() > 0 {
            thread::yield_now();
        }
    }

    #[test]
    fn a_question_is_put_once_with_and_without_the_final_dot() {
        let nobody = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let names = Names::new(vec![nobody.local_addr().unwrap()], Duration::from_secs(3600), 9);
        let (Asked::Awaited(one), Asked::Awaited(two)) =
            (names.ask("a.test", Family::V4), names.ask("a.test.", Family::V4))
        else {
            panic!("nothing can be known yet");
        };
        assert!(one.same_channel(&two));
        let Asked::Awaited(other) = names.ask("a.test", Family::V6) else {
            panic!("nothing can be known yet")
        };
        assert!(!one.same_channel(&other));
    }
}
