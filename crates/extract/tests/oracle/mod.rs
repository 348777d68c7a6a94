//! The links of a document by way of html5ever: a whole parse, a tree, and the rules written down a second
//! time.
//!
//! Owns the other opinion that the scanner is held to. Shares no code with the crate but the URL type.

#![allow(dead_code, unreachable_pub, reason = "every test takes its own part of it")]

use std::cell::RefCell;

use dragline_model::CanonicalUrl;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};
use html5ever::tree_builder::{TreeBuilder, TreeBuilderOpts};
use html5ever::{Attribute, TokenizerResult, ns};
use markup5ever_rcdom::{Handle, NodeData, RcDom};

/// A start tag or an element: its name, in lower case, and its attributes.
#[derive(Debug, Clone)]
pub struct Element {
    name: String,
    attributes: Vec<(String, String)>,
}

/// What html5ever makes of a document.
#[derive(Debug)]
pub struct Parse {
    /// The start tags, as the tokenizer saw them while the tree builder drove it; those of foreign elements,
    /// too.
    pub tags: Vec<Element>,
    /// The elements that can be links, in the order of the tree, those in templates with them.
    pub elements: Vec<Element>,
}

/// Parses a document as a browser without scripting does.
pub fn parse(text: &str) -> Parse {
    let options = TreeBuilderOpts { scripting_enabled: false, ..TreeBuilderOpts::default() };
    let recorder =
        Recorder { builder: TreeBuilder::new(RcDom::default(), options), tags: RefCell::default() };
    let tokenizer = Tokenizer::new(recorder, TokenizerOpts::default());
    let input = BufferQueue::default();
    input.push_back(StrTendril::from(text));
    while !matches!(tokenizer.feed(&input), TokenizerResult::Done) {}
    tokenizer.end();
    let Recorder { builder, tags } = tokenizer.sink;
    Parse { tags: tags.into_inner(), elements: elements(&builder.sink.document) }
}

/// The links among elements, each once, in their order.
pub fn links(document: &CanonicalUrl, elements: &[Element]) -> Vec<CanonicalUrl> {
    let base = elements
        .iter()
        .filter(|element| element.name == "base")
        .filter_map(|element| document.join(element.attribute("href")?).ok())
        .next();
    let base = base.as_ref().unwrap_or(document);
    let mut links = Vec::new();
    for element in elements {
        let reference = match element.name.as_str() {
            "a" | "area" => element.attribute("href"),
            "iframe" | "frame" => element.attribute("src"),
            "link" if element.is_next() => element.attribute("href"),
            _ => None,
        };
        if let Some(url) = reference.and_then(|reference| base.join(reference).ok())
            && !links.contains(&url)
        {
            links.push(url);
        }
    }
    links
}

impl Element {
    fn new(name: &str, attributes: &[Attribute]) -> Self {
        let attributes = attributes.iter().map(|a| (a.name.local.to_string(), a.value.to_string())).collect();
        Self { name: name.to_owned(), attributes }
    }

    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    fn is_next(&self) -> bool {
        self.attribute("rel")
            .is_some_and(|rel| rel.split_ascii_whitespace().any(|word| word.eq_ignore_ascii_case("next")))
    }
}

struct Recorder {
    builder: TreeBuilder<Handle, RcDom>,
    tags: RefCell<Vec<Element>>,
}

impl TokenSink for Recorder {
    type Handle = Handle;

    fn process_token(&self, token: Token, line_number: u64) -> TokenSinkResult<Handle> {
        if let Token::TagToken(Tag { kind: TagKind::StartTag, name, attrs, .. }) = &token {
            self.tags.borrow_mut().push(Element::new(name, attrs));
        }
        self.builder.process_token(token, line_number)
    }

    fn end(&self) {
        self.builder.end();
    }

    fn adjusted_current_node_present_but_not_in_html_namespace(&self) -> bool {
        self.builder.adjusted_current_node_present_but_not_in_html_namespace()
    }
}

/// HTML's elements, and SVG's and MathML's `a`, in the order of the tree; without recursion.
fn elements(document: &Handle) -> Vec<Element> {
    let mut found = Vec::new();
    let mut pending = vec![document.clone()];
    while let Some(node) = pending.pop() {
        pending.extend(node.children.borrow().iter().rev().cloned());
        if let NodeData::Element { name, attrs, template_contents, .. } = &node.data {
            if name.ns == ns!(html) || &*name.local == "a" {
                found.push(Element::new(&name.local, &attrs.borrow()));
            }
            pending.extend(template_contents.borrow().iter().cloned());
        }
    }
    found
}
