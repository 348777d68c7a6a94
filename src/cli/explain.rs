//! `dragline explain`: what is known of a URL, and why it was or was not asked for.
//!
//! Owns the gathering of what the store, the settings of its last run and the frontier know of one URL, and the one
//! sentence that they come to. Asks no server, and changes nothing in the store.

pub(super) mod report;
mod rules;
mod spelling;
mod trail;

use std::time::Duration;

use dragline_frontier::{Explanation, Reason, Whereabouts};
use dragline_politeness::Stamp;

use super::{
    Trouble,
    args::{Args, ExplainArgs},
    remembered::Remembered,
    text::{counted, span, time},
};
use crate::{
    model::{CanonicalUrl, Purpose},
    storage::{Place, Record, Store},
};
use rules::Rules;
use spelling::Spelling;
use trail::Trail;

pub(super) fn run(command: &ExplainArgs, args: &Args) -> Result<u8, Trouble> {
    let spelled = Spelling::read(&command.url)
        .map_err(|error| Trouble::Usage(format!("{}: {error}", command.url.escape_debug())))?;
    let store = args.config()?.open_store()?;
    let mut crawl = Remembered::read(&store, args)?;
    let explained = Explained::of(&store, &mut crawl, spelled)?;
    if command.json { report::json(&explained, &crawl) } else { report::text(&explained, &crawl) }?;
    Ok(0)
}

/// All that is known of a URL.
struct Explained {
    spelling: Spelling,
    /// Its visits, the oldest first, and where they stand; those for a robots.txt too.
    visits: Vec<(Record, Option<Place>)>,
    /// How it was found; `None` where it was not.
    trail: Option<Trail>,
    /// What the scope has against it.
    scope: Result<(), Reason>,
    rules: Rules,
    frontier: Explanation,
    /// When it is due to be looked at again; `None` where that is not wished for, or there is nothing to look at.
    due: Option<Stamp>,
}

impl Explained {
    fn of(store: &Store, crawl: &mut Remembered, spelling: Spelling) -> Result<Self, Trouble> {
        let spelling = spelling.by(&crawl.normaliser);
        let url = &spelling.canonical;
        let mut visits = Vec::new();
        for record in store.history(url)? {
            let place = store.place(record.seq)?;
            visits.push((record, place));
        }
        let trail = Trail::of(store, url)?;
        let scope = judge(crawl, url, trail.as_ref());
        let rules = Rules::of(store, crawl, url)?;
        let frontier = crawl.frontier.explain(url, crawl.now).map_err(|error| Trouble::File {
            path: store.dir().join("frontier").display().to_string(),
            error,
        })?;
        let due = due(store, crawl, url)?;
        Ok(Self { spelling, visits, trail, scope, rules, frontier, due })
    }

    fn url(&self) -> &CanonicalUrl {
        &self.spelling.canonical
    }

    /// The last visit to it as a page.
    fn last(&self) -> Option<&Record> {
        self.visits.iter().rev().map(|(record, _)| record).find(|record| record.purpose != Purpose::Robots)
    }

    /// The crawl has it in its books.
    fn is_known(&self) -> bool {
        self.trail.is_some() || self.last().is_some() || self.frontier.whereabouts != Whereabouts::Nowhere
    }

    /// What it comes to.
    fn verdict(&self, crawl: &Remembered) -> String {
        match &self.frontier.whereabouts {
            Whereabouts::Parked { reason, .. } => format!("it is not asked for: {}", self.reason(reason)),
            Whereabouts::Out => "it is being asked for".to_owned(),
            Whereabouts::Waits { before, .. } => {
                let before = match before {
                    0 => "it is the next of its host".to_owned(),
                    n => format!("{} of its host before it", counted(*n as u64, "URL")),
                };
                if crawl.frontier.is_budget_spent() {
                    let pages = crawl.limits.max_pages.unwrap_or_default();
                    return format!("it waits: {before}, and the crawl has its {pages} pages (--max-pages)");
                }
                format!("it waits: {before}; {}", self.next(crawl))
            }
            Whereabouts::Retries { attempts, .. } => {
                let last = self.last().map(outcome).unwrap_or_default();
                let attempt = u32::from(*attempts) + 1;
                format!("it waits for attempt {attempt} after {last}; {}", self.next(crawl))
            }
            Whereabouts::Nowhere => self.verdict_of_nothing_left(),
        }
    }

    /// What it comes to where nothing is left to do.
    fn verdict_of_nothing_left(&self) -> String {
        if let Some(last) = self.last() {
            let tries = counted(u64::from(last.attempts), "attempt");
            let at = time(last.fetched_at);
            return match &last.error {
                Some(_) => format!("it was given up after {tries}: {}, at {at}", outcome(last)),
                None => format!("it was asked for at {at}: {}", outcome(last)),
            };
        }
        let would_not = |why: &str| match self.trail {
            Some(_) => format!("it was found, and is not asked for: {why}"),
            None => format!("it would not be asked for: {why}"),
        };
        match (&self.scope, &self.frontier.trap) {
            (Err(reason), _) => would_not(&reason.of(self.url()).to_string()),
            _ if !self.rules.is_allowed => would_not(&format!("robots.txt: {}", self.rules.why)),
            (_, Some(trap)) => would_not(&trap.of(self.url()).to_string()),
            _ if self.trail.is_some() => {
                "it was found, and waits nowhere: the next run finds it in the records".to_owned()
            }
            _ => "nobody has found it: no page that was fetched has a link to it that is followed".to_owned(),
        }
    }

    /// The sentence behind a word that something is parked for.
    fn reason(&self, word: &str) -> String {
        let of_scope = self.scope.as_ref().err();
        if let Some(reason) = of_scope.into_iter().chain(&self.frontier.trap).find(|it| it.word() == word) {
            return reason.of(self.url()).to_string();
        }
        match word {
            "robots" => format!("robots.txt: {}", self.rules.why),
            "failed" => {
                let last = self.last().map(outcome).unwrap_or_else(|| "no answer".to_owned());
                format!("{last}; the next run tries it once more")
            }
            word => format!("{word} (by the settings of then; those of now have nothing against it)"),
        }
    }

    /// When it could be asked for.
    fn next(&self, crawl: &Remembered) -> String {
        let Some(next) = self.frontier.next else { return "its host has not been asked yet".to_owned() };
        let wait = next.at.since(crawl.now);
        let when = if wait.is_zero() { "now".to_owned() } else { format!("in {}", span(wait)) };
        format!("its host may be asked {when}: {}", next.because)
    }
}

/// What the scope has against a URL: on the page it was found on, else as a link of one of the seeds.
fn judge(crawl: &Remembered, url: &CanonicalUrl, trail: Option<&Trail>) -> Result<(), Reason> {
    if let Some(Trail { via, depth, off, .. }) = trail {
        return crawl.scope.judge_waiting(url, *depth, *off, via.as_ref());
    }
    let mut verdict = Ok(());
    for seed in &crawl.seeds {
        verdict = crawl.scope.on(seed, 0, 0).judge(url).map(drop);
        if verdict.is_ok() || seed == url {
            return Ok(());
        }
    }
    verdict
}

/// When a page is due to be looked at again, by the rules for its URL.
fn due(store: &Store, crawl: &Remembered, url: &CanonicalUrl) -> Result<Option<Stamp>, Trouble> {
    let rules = crawl.limits.rules.of_host(url.host(), url.authority());
    let Some(refresh) = rules.of(url).refresh else { return Ok(None) };
    Ok(store.copy_of(url)?.map(|copy| {
        let looked_at = copy.tried_at.unwrap_or(copy.fetched_at);
        Stamp::new(Duration::from_millis(looked_at.0)) + refresh.interval(copy.steady, copy.is_gone)
    }))
}

/// What a visit brought, in a few words.
fn outcome(record: &Record) -> String {
    match (&record.error, record.status) {
        (Some(error), _) => error.to_string(),
        (None, Some(304)) if record.copy.is_some() => "304, it is as it was".to_owned(),
        (None, Some(status)) => match &record.location {
            Some(to) => format!("{status} to {to}"),
            None => status.to_string(),
        },
        (None, None) => "nothing".to_owned(),
    }
}
