//! What a query gives is what a look at every record gives, in every order, in parts, and while more is committed.

use std::collections::BTreeMap;

use dragline_model::{CanonicalUrl, FailureKind, Purpose, Timestamp};
use dragline_storage::{Cursor, Order, Query, Record, Store, StoreError};

use crate::world::*;

/// A seeded generator (splitmix64): every run asks the same, and says which question failed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) % n
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

const HOSTS: [&str; 6] =
    ["a.example", "www.a.example", "b.a.example:81", "xa.example", "other.test", "127.0.0.1"];
const MIMES: [&str; 4] = ["text/html", "text/plain", "image/png", "image/svg+xml"];
const STATUSES: [u16; 5] = [200, 200, 301, 404, 500];

fn visit(n: u64, dice: &mut Dice) -> Visited {
    let scheme = dice.pick(&["http", "https"]);
    let (host, folder) = (dice.pick(&HOSTS), dice.pick(&["", "x/", "x/y/"]));
    let address = format!("{scheme}://{host}/{folder}{}", dice.below(9));
    let visited = if dice.one_in(5) {
        failure(n, &address, FailureKind::Connect)
    } else {
        let (status, mime) = (dice.pick(&STATUSES), dice.pick(&MIMES));
        let head = format!("HTTP/1.1 {status} x\r\nContent-Type: {mime}; q=1\r\n\r\n");
        page(n, &address, format!("{n}")).head(status, &head)
    };
    let purpose = if dice.one_in(8) { Purpose::Robots } else { Purpose::Page };
    // Commits do not come in the order of time, and some moments are shared.
    visited.asked(purpose, None).at(n / 3 * 1000 + dice.below(5) * 700)
}

/// One question, to be asked of the index and of every record.
#[derive(Debug, Clone, Default)]
struct Question {
    host: Option<&'static str>,
    domain: Option<&'static str>,
    under: Option<&'static str>,
    status: Option<(u16, u16)>,
    mime: Option<&'static str>,
    since: Option<u64>,
    until: Option<u64>,
    from_seq: u64,
    failures: u64,
    robots: bool,
    latest: bool,
    order: Option<Order>,
    reversed: bool,
}

impl Question {
    fn any(dice: &mut Dice) -> Self {
        let mut maybe = |odds| dice.one_in(odds);
        let wish: [bool; 8] = std::array::from_fn(|n| maybe([4, 4, 4, 3, 3, 3, 3, 4][n]));
        Self {
            host: wish[0].then(|| dice.pick(&HOSTS)),
            domain: wish[1]
                .then(|| dice.pick(&["a.example", "example", "127.0.0.1", "no.test", "b.a.example:81"])),
            under: wish[2].then(|| {
                dice.pick(&[
                    "http://a.example/x/",
                    "https://www.a.example/",
                    "http://other.test/x",
                    "http://none/",
                ])
            }),
            status: wish[3]
                .then(|| dice.pick(&[(200, 299), (404, 404), (300, 599), (0, 999), (1, 0), (0, 65535)])),
            mime: wish[4].then(|| dice.pick(&["text/html", "image/", "image/png", "text", ""])),
            since: wish[5].then(|| dice.below(220) * 1000),
            until: wish[6].then(|| dice.below(220) * 1000),
            from_seq: if wish[7] { dice.below(600) } else { 1 },
            failures: dice.below(3),
            robots: dice.one_in(2),
            latest: dice.one_in(3),
            order: dice.pick(&[None, Some(Order::Sequence), Some(Order::Time), Some(Order::Url)]),
            reversed: dice.one_in(2),
        }
    }

    fn ask(&self, store: &Store) -> Query {
        let mut query = store.pages().latest_only(self.latest).from_seq(self.from_seq);
        query = match self.failures {
            0 => query,
            1 => query.with_failures(),
            _ => query.failures_only(),
        };
        if self.robots {
            query = query.with_robots();
        }
        if let Some(host) = self.host {
            query = query.host(host);
        }
        if let Some(domain) = self.domain {
            query = query.domain(domain);
        }
        if let Some(under) = self.under {
            query = query.under(under);
        }
        if let Some((first, last)) = self.status {
            query = query.status(first..=last);
        }
        if let Some(mime) = self.mime {
            query = query.mime(mime);
        }
        if let Some(since) = self.since {
            query = query.since(Timestamp(EPOCH_MS + since));
        }
        if let Some(until) = self.until {
            query = query.until(Timestamp(EPOCH_MS + until));
        }
        if let Some(order) = self.order {
            query = query.order(order);
        }
        if self.reversed { query.reversed() } else { query }
    }

    fn wants(&self, record: &Record) -> bool {
        let authority = record.url.authority();
        let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
        let ms = record.fetched_at.0 - EPOCH_MS;
        (match self.failures {
            0 => record.status.is_some(),
            1 => true,
            _ => record.status.is_none(),
        }) && (self.robots || record.purpose != Purpose::Robots)
            && self.host.is_none_or(|wanted| authority == wanted)
            && self.domain.is_none_or(|d| authority == d || host == d || host.ends_with(&format!(".{d}")))
            && self.under.is_none_or(|under| record.url.as_str().starts_with(under))
            && self.status.is_none_or(|(a, b)| record.status.is_some_and(|s| a <= s && s <= b))
            && self.mime.is_none_or(|wanted| {
                let mime = record.mime.as_deref().unwrap_or_default();
                mime == wanted || wanted.ends_with('/') && mime.starts_with(wanted)
            })
            && self.since.is_none_or(|since| ms >= since)
            && self.until.is_none_or(|until| ms < until)
            && record.seq >= self.from_seq
    }

    /// The same from all records, by looking at each.
    fn answer(&self, all: &[Record]) -> Vec<u64> {
        let mut last: BTreeMap<&CanonicalUrl, u64> = BTreeMap::new();
        for record in all.iter().filter(|r| self.robots || r.purpose != Purpose::Robots) {
            last.insert(&record.url, record.seq);
        }
        let is_last = |record: &&Record| !self.latest || last.get(&record.url) == Some(&record.seq);
        let mut found: Vec<&Record> = all.iter().filter(|r| self.wants(r)).filter(is_last).collect();
        let order = self.order.unwrap_or(match (self.under, self.since.or(self.until)) {
            (Some(_), _) => Order::Url,
            (None, Some(_)) => Order::Time,
            (None, None) => Order::Sequence,
        });
        match order {
            Order::Sequence => {}
            Order::Time => found.sort_by_key(|r| (r.fetched_at.0, r.seq)),
            Order::Url => found.sort_by_key(|r| (spelled(&r.url), r.seq)),
        }
        if self.reversed {
            found.reverse();
        }
        found.into_iter().map(|record| record.seq).collect()
    }
}

/// As URLs are to be sorted: host from its end, port, path, scheme.
fn spelled(url: &CanonicalUrl) -> (Vec<String>, String, bool) {
    let (host, port) = url.authority().split_once(':').unwrap_or((url.authority(), ""));
    let mut labels: Vec<String> = host.split('.').map(|label| format!("{label},")).collect();
    if labels.iter().any(|label| label.starts_with(char::is_alphabetic)) {
        labels.reverse();
    } else {
        labels = vec![format!("{host},")];
    }
    labels.push(if port.is_empty() { ")".to_owned() } else { format!(":{port})") });
    (labels, url.path_and_query().to_owned(), url.is_https())
}

fn seqs(query: Query) -> Vec<u64> {
    query.records().unwrap().map(|record| record.unwrap().seq).collect()
}

#[test]
fn what_is_asked_is_what_a_look_at_every_record_gives() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(dir.path(), options()).unwrap();
    let mut writer = store.writer().unwrap();
    let mut dice = Dice(1);
    let visits = 600;
    for n in 0..visits / 20 {
        commit(&store, &mut writer, (n * 20..n * 20 + 20).map(|n| visit(n, &mut dice)).collect());
        // Some batches grow pieces, some follow on others that are full.
        if dice.one_in(3) {
            assert_eq!(store.pages().limit(1).records().unwrap().count(), 1);
        }
    }
    let check = |store: &Store| {
        let all = records(store);
        assert_eq!(all.len() as u64, visits);
        let (mut dice, mut found) = (Dice(2), 0);
        for n in 0..250 {
            let question = Question::any(&mut dice);
            let want = question.answer(&all);
            let plan = question.ask(store).plan().unwrap();
            assert_eq!(seqs(question.ask(store)), want, "question {n}: {question:?}, {plan}");
            found += want.len();

            // In parts, each asked for anew by a cursor that was a text meanwhile.
            let part = 1 + dice.below(7);
            let (mut parts, mut cursor) = (Vec::new(), None::<String>);
            loop {
                let mut query = question.ask(store).limit(part);
                if let Some(cursor) = &cursor {
                    query = query.after(&cursor.parse::<Cursor>().unwrap());
                }
                let mut records = query.records().unwrap();
                let before = parts.len();
                parts.extend(records.by_ref().map(|record| record.unwrap().seq));
                cursor = Some(records.cursor().to_string());
                if parts.len() == before || parts.len() > want.len() {
                    break;
                }
            }
            assert_eq!(parts, want, "question {n} in parts of {part}: {question:?}, {plan}");
        }
        assert!(found > 4_000, "{found} are too few to show anything");
    };
    check(&store);
    // What a rebuild makes of the archive answers in the same way.
    drop((writer, store));
    Store::rebuild(dir.path(), options()).unwrap();
    check(&Store::open(dir.path(), options()).unwrap());
}

#[test]
fn a_query_sees_one_moment() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(dir.path(), options()).unwrap();
    let mut writer = store.writer().unwrap();
    let some = |from: u64| {
        (from..from + 50).map(|n| page(n, &format!("http://a/{:03}", n * 7 % 400), format!("{n}"))).collect()
    };
    commit(&store, &mut writer, some(0));
    for order in [Order::Sequence, Order::Time, Order::Url] {
        for narrow in
            [(|q| q) as fn(Query) -> Query, |q| q.host("a"), |q| q.reversed(), |q| q.latest_only(true)]
        {
            let ask = || narrow(store.pages().order(order));
            let want = seqs(ask());
            let from = store.last_seq().unwrap();
            let mut records = ask().records().unwrap();
            let mut got = vec![records.next().unwrap().unwrap().seq];
            // Among what is left, and behind it: the same URLs again, and earlier times.
            let earlier = page(from, "http://a/000", "new").at(1);
            commit(&store, &mut writer, vec![earlier]);
            commit(&store, &mut writer, some(from + 1));
            got.extend(records.by_ref().take(5).map(|r| r.unwrap().seq));
            let cursor = records.cursor();
            commit(&store, &mut writer, some(from + 51));
            let rest = seqs(ask().after(&cursor));
            assert_eq!(rest, records.map(|r| r.unwrap().seq).collect::<Vec<_>>());
            got.extend(rest);
            assert_eq!(got, want, "{order:?}");
        }
    }
}

#[test]
fn what_makes_no_sense_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(dir.path(), options()).unwrap();
    let mut writer = store.writer().unwrap();
    commit(&store, &mut writer, vec![page(1, "http://a/", "one")]);
    let cursor = store.pages().records().unwrap().cursor();
    let elsewhere = tempfile::tempdir().unwrap();
    let other = Store::create_or_open(elsewhere.path(), options()).unwrap();
    for (query, want) in [
        (store.pages().under("no url"), "under no url"),
        (store.pages().order(Order::Time).after(&cursor), "another order"),
        (store.pages().reversed().after(&cursor), "another order"),
        (other.pages().after(&cursor), "another store"),
    ] {
        let error = query.records().unwrap_err();
        assert!(matches!(error, StoreError::Question { .. }) && error.to_string().contains(want), "{error}");
    }
}
