//! An honest large archive: articles of one shape of URL, each with a text of its own, and lists of them.
//!
//! It looks like a trap from afar — thousands of URLs of one template, a list that goes on and on — and is none: all
//! of it must be crawled.

use std::collections::BTreeMap;

use super::{Reply, exact, push_end, push_link, push_top};
use crate::{
    Expect,
    dice::{Dice, Purpose},
    naming::DOMAIN,
    plan::Plan,
    words::{push_capitalised, word},
};

/// The host's number in dice, beside those of traps.
const HOST: u32 = u32::MAX - 100;

/// The site `archive.fakeweb.test`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// Articles, from 1. Default 10,000.
    pub articles: usize,
    /// Articles on a page of the list, from 1. Default 50.
    pub page_size: usize,
    /// Text of an article in bytes, about. Default 1,500.
    pub article_bytes: usize,
}

impl Default for Archive {
    fn default() -> Self {
        Self { articles: 10_000, page_size: 50, article_bytes: 1_500 }
    }
}

impl Archive {
    /// `/`, `/archive?page=2` and `/2019/7/some-words-17.html`.
    pub(super) fn answer(&self, plan: &Plan, path: &str, out: &mut Vec<u8>) -> Reply {
        let page = if path == "/" {
            Some(1)
        } else {
            path.strip_prefix("/archive?page=").and_then(exact).filter(|page| *page > 1)
        };
        if let Some(page) = page {
            return self.list(plan, page, out);
        }
        let number = path.strip_suffix(".html").and_then(|rest| exact(&rest[rest.rfind('-')? + 1..]));
        match number {
            Some(number) if number < self.articles as u64 && path == Self::path(plan, number) => {
                self.article(plan, number, out);
                Reply::html()
            }
            _ => Reply::status(404),
        }
    }

    fn pages(&self) -> u64 {
        self.articles.div_ceil(self.page_size) as u64
    }

    fn list(&self, plan: &Plan, page: u64, out: &mut Vec<u8>) -> Reply {
        if page > self.pages() {
            return Reply::status(404);
        }
        push_top(&format!("Archive, page {page} of {}", self.pages()), out);
        let first = (page - 1) * self.page_size as u64;
        for number in first..(first + self.page_size as u64).min(self.articles as u64) {
            push_link(&Self::path(plan, number), &Self::title(plan, number), out);
        }
        for (other, text) in [(page - 1, "Newer"), (page + 1, "Older")] {
            if (1..=self.pages()).contains(&other) {
                push_link(&list_path(other), text, out);
            }
        }
        push_end(out);
        Reply::html()
    }

    fn article(&self, plan: &Plan, number: u64, out: &mut Vec<u8>) {
        push_top(&Self::title(plan, number), out);
        out.extend_from_slice(b"<p>");
        plan.prose.push(self.article_bytes, &mut Self::dice(plan, number, Purpose::Markup), out);
        out.extend_from_slice(b"</p>\n");
        push_link("/", "Archive", out);
        if number > 0 {
            push_link(&Self::path(plan, number - 1), "The article before", out);
        }
        push_end(out);
    }

    fn dice(plan: &Plan, number: u64, purpose: Purpose) -> Dice {
        Dice::of(plan.seed, HOST, number as u32, purpose)
    }

    fn title(plan: &Plan, number: u64) -> String {
        let mut dice = Self::dice(plan, number, Purpose::Title);
        let mut title = Vec::new();
        push_capitalised(word(&mut dice), &mut title);
        for _ in 0..3 {
            title.push(b' ');
            title.extend_from_slice(word(&mut dice).as_bytes());
        }
        String::from_utf8_lossy(&title).into_owned()
    }

    fn path(plan: &Plan, number: u64) -> String {
        let mut dice = Self::dice(plan, number, Purpose::Path);
        let (year, month) = (2012 + dice.below(12), 1 + dice.below(12));
        format!("/{year}/{month}/{}-{}-{number}.html", word(&mut dice), word(&mut dice))
    }

    /// Everything: the lists and the articles.
    pub(super) fn truth(&self, plan: &Plan) -> BTreeMap<String, Expect> {
        let lists = (1..=self.pages()).map(list_path);
        let articles = (0..self.articles as u64).map(|number| Self::path(plan, number));
        let url = |path: String| (format!("http://archive.{DOMAIN}{path}"), Expect::Status(200));
        lists.chain(articles).map(url).collect()
    }
}

/// The first page has one URL, as on a site that was made with care.
fn list_path(page: u64) -> String {
    if page == 1 { "/".into() } else { format!("/archive?page={page}") }
}
