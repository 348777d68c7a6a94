//! A page's HTML: title, navigation, text with links in it.
//!
//! Never decides what is linked or how the page is sent.

use crate::{
    behaviour::Behaviour,
    dice::{Dice, Purpose},
    plan::{Place, Plan},
    reference::Speller,
    words::word,
};

/// What an anchor with its text takes, about; used to spread the text between the links.
const ANCHOR_BYTES: usize = 70;

impl Plan {
    /// Appends a page's HTML, all but its end tags: more may follow.
    pub(crate) fn push_page(&self, host: u32, page: u32, out: &mut Vec<u8>) {
        let malformed = self.behaviour(host, page) == Behaviour::MalformedHtml;
        let dice = &mut self.dice(host, page, Purpose::Markup);
        let start = out.len();
        let size = self.page_bytes / 2 + dice.below(self.page_bytes as u64 + 1) as usize;

        if malformed {
            out.extend_from_slice(MALFORMED_TOP);
        } else {
            out.extend_from_slice(
                b"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>",
            );
            self.push_title(host, page, out);
            out.extend_from_slice(b"</title></head>\n<body>\n");
        }
        out.extend_from_slice(b"<h1>");
        self.push_title(host, page, out);
        out.extend_from_slice(b"</h1>\n<nav>");
        let mut speller = Speller::new(self, Place::Page { host, page }, !malformed);
        let mut links = self.links(host, page);
        for (name, (host, page)) in ["Home", "Up"].iter().zip(links.by_ref().take(self.navigation(page))) {
            speller.push_anchor(Place::Page { host, page }, dice, out);
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"</a>\n");
        }
        out.extend_from_slice(b"</nav>\n");

        let count = links.size_hint().0;
        for (nth, (host, page)) in links.enumerate() {
            // Where this link should be, if text and links are to be spread over the page.
            let due = start + size / (count + 1) * (nth + 1);
            let open: &[u8] = if malformed { crooked_paragraph(dice) } else { b"<p>" };
            out.extend_from_slice(open);
            self.prose.push(due.saturating_sub(out.len() + ANCHOR_BYTES), dice, out);
            speller.push_anchor(Place::Page { host, page }, dice, out);
            out.extend_from_slice(word(dice).as_bytes());
            out.push(b' ');
            out.extend_from_slice(word(dice).as_bytes());
            out.extend_from_slice(if malformed { crooked_end(dice) } else { b"</a>.</p>\n" });
        }
        out.extend_from_slice(b"<p>");
        self.prose.push((start + size).saturating_sub(out.len()), dice, out);
        out.extend_from_slice(if malformed { MALFORMED_END } else { b"</p>\n" });
    }
}

/// What closes an ordinary page.
pub(crate) const END: &[u8] = b"</body></html>\n";

/// No doctype, a charset that it is not in, and links that are none: in a comment, in a script, in a title.
const MALFORMED_TOP: &[u8] =
    b"<html><HEAD><meta charset=utf-16><title>Old <a href=/decoy/title>page</a></title>\n\
    <!-- <a href=\"/decoy/comment\">gone</a> --><script>var a = \"<a href='/decoy/script'>\" < 1;</script>\n\
    <BODY bgcolor=white BGCOLOR=black><font size=+1>\n";

/// A comment that nobody closes, with a link in it.
const MALFORMED_END: &[u8] = b"</div></p></body></td>\n<!-- the end <a href=\"/decoy/end\">more</a>\n";

fn crooked_paragraph(dice: &mut Dice) -> &'static [u8] {
    match dice.below(8) {
        0 => b"<P><b><i>",
        1 => b"<p>a < b & c \0 NUL <3 ",
        2 => b"</span><p class=a class=b>",
        3 => b"<table><tr><p>",
        4 => b"<p id=\"1\"title='x'>",
        5 => b"<?php echo 1 ?><![CDATA[ x ]]><p>",
        6 => b"<p/></p/>",
        _ => b"<p>",
    }
}

fn crooked_end(dice: &mut Dice) -> &'static [u8] {
    match dice.below(5) {
        0 => b"</b></a></i>\n",
        1 => b"</A\n",
        2 => b"\n",
        3 => b"</a href=\"/decoy/end-tag\">\n",
        _ => b"</a></p>\n",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::WebSpec;

    fn render(plan: &Plan, host: u32, page: u32) -> Vec<u8> {
        let mut out = Vec::new();
        plan.push_page(host, page, &mut out);
        out
    }

    #[test]
    fn pages_follow_from_the_seed_and_differ_from_one_another() {
        let plan = |seed| Plan::new(&WebSpec { seed, ..WebSpec::default() }).unwrap();
        let (one, same, other) = (plan(1), plan(1), plan(2));
        let mut pages = std::collections::HashSet::new();
        for page in 0..one.pages {
            let html = render(&one, 1, page);
            assert_eq!(html, render(&same, 1, page));
            assert_ne!(html, render(&other, 1, page));
            assert!(pages.insert(html));
        }
    }

    #[test]
    fn pages_have_the_size_asked_for_on_average() {
        for page_bytes in [6_000, 50_000] {
            let plan = Plan::new(&WebSpec { page_bytes, ..WebSpec::default() }).unwrap();
            let sum: usize = (0..100).map(|page| render(&plan, 0, page).len()).sum();
            let mean = sum / 100;
            assert!(mean > page_bytes * 8 / 10 && mean < page_bytes * 12 / 10, "{mean} for {page_bytes}");
        }
    }
}
