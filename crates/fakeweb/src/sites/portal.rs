//! A portal of open data as they are: JSON in pages with numbers and totals, keys that must come back byte for byte,
//! refusals, and errors that say 200.
//!
//! Owns its documents and the spelling of keys. Links stand under `/links/next` and `/items/*/url`, absolute on even
//! pages and from the root on odd ones.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::{Reply, exact};
use crate::{
    Expect,
    dice::{Dice, Purpose},
    naming::DOMAIN,
    plan::Plan,
    words::word,
};

const JSON: &str = "Content-Type: application/json\r\n";
const BUSY: &str = "Content-Type: application/json\r\nRetry-After: 1\r\n";
const XML: &str = "Content-Type: application/xml\r\n";

/// The host's number in dice, beside those of traps.
const HOST: u32 = u32::MAX - 101;

/// What portals put into keys, percent-encoded. None of it may be touched: lower case stays lower case, `%7E` is not
/// made `~`, `%2B` and `+` are two things.
const ODDITIES: [&str; 10] =
    ["%2F", "%20", "+", "%2B", "%26", "%3D%3D", "%C3%BC", "%c3%bc", "%7E", "%ED%95%9C%EA%B5%AD"];

/// The site `portal.fakeweb.test`; its first page is [`crate::Web::portal_seed`].
#[derive(Debug, Clone, PartialEq)]
pub struct Portal {
    /// Items, from 1. Default 1,000.
    pub items: usize,
    /// Items on a page, from 1. Default 20.
    pub page_size: usize,
    /// Share of items that answer with an error in XML, and the status 200. Default 0.02.
    pub xml_errors: f64,
    /// Share of URLs that answer 429 with `Retry-After: 1` when they are first asked for. Default 0.01.
    pub busy: f64,
}

impl Default for Portal {
    fn default() -> Self {
        Self { items: 1_000, page_size: 20, xml_errors: 0.02, busy: 0.01 }
    }
}

/// URLs that have refused.
#[derive(Debug, Default)]
pub(super) struct Refused(Mutex<HashSet<String>>);

impl Refused {
    /// True the first time for a URL.
    fn is_first(&self, path: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned())
    }

    pub(super) fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Portal {
    /// `/api/list?page=2&size=20` and `/api/item?serviceKey=…&id=7`, as they were given out and in no other way.
    pub(super) fn answer(&self, plan: &Plan, path: &str, refused: &Refused, out: &mut Vec<u8>) -> Reply {
        let number = |text: &str| exact(&text[text.rfind('=')? + 1..]);
        let list = path.strip_prefix("/api/list?page=").and_then(|rest| exact(rest.split('&').next()?));
        let item = path.strip_prefix("/api/item?").and_then(number);
        let (place, is_there) = match (list, item) {
            (Some(page), _) => {
                (u64::MAX - page, (1..=self.pages()).contains(&page) && path == self.list_path(page))
            }
            (_, Some(item)) => (item, item < self.items as u64 && path == Self::item_path(plan, item)),
            _ => (0, false),
        };
        if !is_there {
            out.extend_from_slice(b"{\"error\":\"no such resource\"}");
            return Reply { status: 404, fields: JSON.into(), rest_until: None };
        }
        if self.is_busy(plan, place) && refused.is_first(path) {
            out.extend_from_slice(b"{\"error\":\"too many requests\"}");
            let rest_until = Some(Instant::now() + Duration::from_secs(1));
            return Reply { status: 429, fields: BUSY.into(), rest_until };
        }
        match (list, item) {
            (Some(page), _) => self.push_list(plan, page, out),
            (_, Some(item)) if self.is_xml_error(plan, item) => {
                out.extend_from_slice(
                    b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<OpenAPI_ServiceResponse><cmmMsgHeader>\
                    <errMsg>SERVICE ERROR</errMsg><returnReasonCode>04</returnReasonCode>\
                    </cmmMsgHeader></OpenAPI_ServiceResponse>\n",
                );
                return Reply { status: 200, fields: XML.into(), rest_until: None };
            }
            (_, item) => push_item(plan, item.unwrap_or_default(), out),
        }
        Reply { status: 200, fields: JSON.into(), rest_until: None }
    }

    fn pages(&self) -> u64 {
        self.items.div_ceil(self.page_size) as u64
    }

    fn push_list(&self, plan: &Plan, page: u64, out: &mut Vec<u8>) {
        let base = if page.is_multiple_of(2) { format!("http://portal.{DOMAIN}") } else { String::new() };
        let first = (page - 1) * self.page_size as u64;
        let last = (first + self.page_size as u64).min(self.items as u64);
        let items: Vec<String> = (first..last)
            .map(|item| {
                let url = Self::item_path(plan, item);
                format!("{{\"id\":{item},\"url\":\"{base}{url}\"}}")
            })
            .collect();
        let next = if page < self.pages() {
            format!("\"{base}{}\"", self.list_path(page + 1))
        } else {
            "null".into()
        };
        let text = format!(
            "{{\"total\":{},\"page\":{page},\"pages\":{},\"links\":{{\"next\":{next}}},\"items\":[{}]}}\n",
            self.items,
            self.pages(),
            items.join(",")
        );
        out.extend_from_slice(text.as_bytes());
    }

    fn list_path(&self, page: u64) -> String {
        format!("/api/list?page={page}&size={}", self.page_size)
    }

    fn item_path(plan: &Plan, item: u64) -> String {
        let mut dice = Self::dice(plan, item, Purpose::Path);
        let mut key = String::new();
        for _ in 0..3 {
            key.push_str(word(&mut dice));
            key.push_str(dice.pick(&ODDITIES));
        }
        format!("/api/item?serviceKey={key}&id={item}")
    }

    fn is_xml_error(&self, plan: &Plan, item: u64) -> bool {
        Self::dice(plan, item, Purpose::Cast).chance(self.xml_errors)
    }

    fn dice(plan: &Plan, place: u64, purpose: Purpose) -> Dice {
        Dice::of(plan.seed, HOST, place as u32, purpose)
    }

    fn is_busy(&self, plan: &Plan, place: u64) -> bool {
        Self::dice(plan, place, Purpose::Refusal).chance(self.busy)
    }

    /// Everything: the pages of the list, and the items. Errors in XML are answers like others.
    pub(super) fn truth(&self, plan: &Plan) -> BTreeMap<String, Expect> {
        let expect = |place| if self.is_busy(plan, place) { Expect::Once(429) } else { Expect::Status(200) };
        let lists = (1..=self.pages()).map(|page| (self.list_path(page), expect(u64::MAX - page)));
        let items = (0..self.items as u64).map(|item| (Self::item_path(plan, item), expect(item)));
        lists.chain(items).map(|(path, expect)| (format!("http://portal.{DOMAIN}{path}"), expect)).collect()
    }

    pub(crate) fn seed(&self) -> String {
        format!("http://portal.{DOMAIN}{}", self.list_path(1))
    }
}

fn push_item(plan: &Plan, item: u64, out: &mut Vec<u8>) {
    let mut dice = Portal::dice(plan, item, Purpose::Title);
    let text = format!(
        "{{\"id\":{item},\"title\":\"{} {}\",\"value\":{}}}\n",
        word(&mut dice),
        word(&mut dice),
        dice.below(1_000_000)
    );
    out.extend_from_slice(text.as_bytes());
}
