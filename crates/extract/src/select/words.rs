//! The text of an element as a reader sees it.
//!
//! Owns which elements stand on lines of their own and which are not text at all.

use scraper::{ElementRef, Node};

/// What is no text of the page.
const SILENT: [&str; 4] = ["script", "style", "template", "noscript"];

/// Elements within a line: what stands beside them is one word with them, unless there is a space between.
const WITHIN: [&str; 33] = [
    "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font",
    "i", "ins", "kbd", "mark", "nobr", "q", "s", "samp", "small", "span", "strike", "strong", "sub", "sup",
    "time", "tt", "u", "var", "wbr",
];

/// Its text and that of everything in it; white space folded to one space, none at the ends.
pub(super) fn of(element: ElementRef<'_>) -> String {
    let mut words = Words::default();
    let mut node = *element;
    loop {
        let is_silent = match node.value() {
            Node::Text(text) => {
                words.add(text);
                false
            }
            Node::Element(it) => {
                words.space |= !WITHIN.contains(&it.name());
                // What was asked for by name is told.
                SILENT.contains(&it.name()) && node.id() != element.id()
            }
            _ => false,
        };
        if let Some(child) = node.first_child().filter(|_| !is_silent) {
            node = child;
            continue;
        }
        loop {
            if node.id() == element.id() {
                return words.text;
            }
            if let Node::Element(it) = node.value() {
                words.space |= !WITHIN.contains(&it.name());
            }
            if let Some(next) = node.next_sibling() {
                node = next;
                break;
            }
            // An element that was begun with is above everything that was reached from it.
            let Some(parent) = node.parent() else { return words.text };
            node = parent;
        }
    }
}

#[derive(Default)]
struct Words {
    text: String,
    /// White space, or the edge of a line, since the last word.
    space: bool,
}

impl Words {
    fn add(&mut self, text: &str) {
        self.space |= text.starts_with(char::is_whitespace);
        for word in text.split_whitespace() {
            if self.space && !self.text.is_empty() {
                self.text.push(' ');
            }
            self.text.push_str(word);
            self.space = true;
        }
        self.space = text.ends_with(char::is_whitespace) || self.space && text.trim().is_empty();
    }
}
