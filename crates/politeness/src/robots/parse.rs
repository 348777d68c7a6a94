//! From lines to groups (RFC 9309 §2.2): who is meant by which rule.
//!
//! Owns the shape of a file: a group is one or more `User-agent` lines and what follows them, up to the next
//! `User-agent` line behind a rule. Judges no URL.
//!
//! Groups for the same set of agents become one *section* of rules. An agent may be in many sections; it is not
//! given a copy of their rules, or a file could make copies by the square of its size.

use std::collections::{HashMap, HashSet};

use super::{
    Agent, Belongings, Robots,
    agent::{self, Named},
    asks::{self, Asks},
    field::Field,
    lines, normal,
    rules::{Draft, Rule},
};

/// Reads a file that [`lines::readable`] has made readable.
pub(super) fn parse(text: &[u8]) -> Robots {
    let mut parser = Parser::default();
    for (number, line) in lines::lines(text) {
        if let Some(said) = lines::said(line) {
            parser.take(number, &said);
        }
    }
    parser.finish()
}

/// An agent's number; `*` has one too.
type AgentId = u32;

#[derive(Debug, Default)]
struct Parser {
    draft: Draft,
    ids: HashMap<Box<[u8]>, AgentId>,
    /// The agents of each group, in order of the file.
    groups: Vec<Vec<AgentId>>,
    /// For each run of `User-agent` lines what was asked of it alone, and its agents. A rule counts for the
    /// whole group, but `Crawl-delay` and its like were written, long before the RFC, between the agents of what
    /// is one group to it, and were meant for those above them.
    runs: Vec<(Vec<AgentId>, Asks)>,
    is_behind_rule: bool,
    is_behind_agent: bool,
    sitemaps: Vec<String>,
    known_sitemaps: HashSet<String>,
}

impl Parser {
    fn take(&mut self, number: u32, said: &lines::Said<'_>) {
        match said.field {
            Field::UserAgent => self.user_agent(said.value),
            Field::Allow => self.rule(number, true, said),
            Field::Disallow => self.rule(number, false, said),
            Field::Sitemap => self.sitemap(said.value),
            Field::CrawlDelay => {
                self.ask(Asks { crawl_delay: asks::crawl_delay(said.value), ..Asks::default() });
            }
            Field::RequestRate => {
                self.ask(Asks { request_rate: asks::request_rate(said.value), ..Asks::default() });
            }
            Field::VisitTime => {
                self.ask(Asks { visit_time: asks::visit_time(said.value), ..Asks::default() });
            }
        }
    }

    fn user_agent(&mut self, value: &[u8]) {
        if self.is_behind_rule || self.groups.is_empty() {
            self.groups.push(Vec::new());
            self.is_behind_rule = false;
            self.is_behind_agent = false;
        }
        if !self.is_behind_agent {
            self.runs.push((Vec::new(), Asks::default()));
            self.is_behind_agent = true;
        }
        let token = match agent::named(value) {
            Named::Nobody => return,
            Named::Anybody => b"*"[..].into(),
            Named::Token(token) => String::from_utf8_lossy(token).to_ascii_lowercase().into_bytes().into(),
        };
        let next = self.ids.len() as AgentId;
        let id = *self.ids.entry(token).or_insert(next);
        if let (Some(group), Some((run, _))) = (self.groups.last_mut(), self.runs.last_mut()) {
            group.push(id);
            run.push(id);
        }
    }

    fn rule(&mut self, number: u32, allows: bool, said: &lines::Said<'_>) {
        // A rule before any group is nobody's.
        let Some(group) = self.groups.len().checked_sub(1) else { return };
        self.is_behind_rule = true;
        self.is_behind_agent = false;
        // Anything else can match no path, and nothing at all matches nothing (§2.2.2).
        if !matches!(said.value, [b'/' | b'*', ..]) {
            return;
        }
        let pattern = normal::of_pattern(said.value);
        let text = self.draft.text.push(said.text);
        let span = self.draft.text.push_pattern(text, &pattern);
        self.draft.push(group as u32, number, allows, text, span);
        if allows && let Some(folder) = folder_of_index(&pattern) {
            let span = self.draft.text.push(&folder);
            self.draft.push(group as u32, number, allows, text, span);
        }
    }

    fn ask(&mut self, asks: Asks) {
        self.is_behind_agent = false;
        if let Some((_, asked)) = self.runs.last_mut() {
            *asked = asked.and(asks);
        }
    }

    fn sitemap(&mut self, value: &[u8]) {
        let sitemap = String::from_utf8_lossy(value);
        if !sitemap.is_empty() && !self.known_sitemaps.contains(&*sitemap) {
            self.known_sitemaps.insert(sitemap.clone().into_owned());
            self.sitemaps.push(sitemap.into_owned());
        }
    }

    fn finish(mut self) -> Robots {
        let mut sections_of: Vec<Vec<u32>> = vec![Vec::new(); self.ids.len()];
        let mut by_agents: HashMap<Vec<AgentId>, u32> = HashMap::new();
        let mut section_of_group = Vec::with_capacity(self.groups.len());
        for mut agents in self.groups {
            agents.sort_unstable();
            agents.dedup();
            let next = by_agents.len() as u32;
            let section = *by_agents.entry(agents).or_insert_with_key(|agents| {
                for agent in agents {
                    sections_of[*agent as usize].push(next);
                }
                next
            });
            section_of_group.push(section);
        }
        self.draft.renumber(|group| section_of_group[group as usize]);
        let mut asks_of = vec![Asks::default(); sections_of.len()];
        for (agents, asks) in self.runs.iter().filter(|(_, asks)| !asks.is_empty()) {
            for agent in agents {
                let asked = &mut asks_of[*agent as usize];
                *asked = asked.and(*asks);
            }
        }
        let mut agents = Vec::new();
        let mut anybody = None;
        for (token, id) in self.ids {
            let asks = asks_of[id as usize];
            let belongings = Belongings {
                sections: std::mem::take(&mut sections_of[id as usize]).into_boxed_slice(),
                asks: (!asks.is_empty()).then(|| Box::new(asks)),
            };
            if *token == *b"*" {
                anybody = Some(Box::new(belongings));
            } else {
                agents.push(Agent { token, belongings });
            }
        }
        agents.sort_unstable_by(|a, b| a.token.cmp(&b.token));
        Robots {
            rules: self.draft.finish(by_agents.len()),
            agents: agents.into_boxed_slice(),
            anybody,
            sitemaps: self.sitemaps.into_boxed_slice(),
        }
    }
}

/// `/dir/$` of `/dir/index.html`: Google takes the two for one page, and so do the authors of such lines.
fn folder_of_index(pattern: &[u8]) -> Option<Vec<u8>> {
    let (folder, page) = pattern.split_at(memchr::memrchr(b'/', pattern)? + 1);
    let page = page.strip_suffix(b"$").unwrap_or(page);
    matches!(page, b"index.html" | b"index.htm").then(|| [folder, b"$"].concat())
}

/// See [`Robots::only`].
pub(super) fn reduced(robots: &Robots, agent: &str) -> Robots {
    let (_, belongings) = robots.group(agent);
    let sitemaps = robots.sitemaps.clone();
    let Some(belongings) = belongings else { return Robots { sitemaps, ..Robots::default() } };
    let mut draft = Draft::default();
    let mut take = |rule: &Rule| {
        let text = draft.text.push(robots.rules.slice(rule.text));
        let pattern = draft.text.push_pattern(text, robots.rules.slice(rule.pattern));
        draft.push(0, rule.number, rule.allows, text, pattern);
    };
    belongings.sections.iter().flat_map(|section| robots.rules.of(*section)).for_each(&mut take);
    let kept = Belongings { sections: Box::new([0]), asks: belongings.asks.clone() };
    let token = super::product_token(agent).into_bytes();
    let is_named = robots.agents.binary_search_by(|agent| (*agent.token).cmp(&token)).is_ok();
    let (agents, anybody) = if is_named {
        (Box::from([Agent { token: token.into_boxed_slice(), belongings: kept }]), None)
    } else {
        (Box::default(), Some(Box::new(kept)))
    };
    Robots { rules: draft.finish(1), agents, anybody, sitemaps }
}
