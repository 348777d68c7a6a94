//! The tree of an HTML document, within bounds.
//!
//! Owns the feeding of html5ever, a little at a time: between two pieces its size, its depth and the time are looked
//! at. What it costs is the square of the depth, and a document of half a megabyte can be made to take minutes.

use html5ever::driver::{ParseOpts, parse_document};
use html5ever::tendril::{StrTendril, TendrilSink};
use scraper::{Html, HtmlTreeSink};

use super::{SelectFault, SelectLimits};

/// Bytes between two looks. A byte can make a hundred nodes at the depth that is allowed: so this many can make some
/// tens of megabytes before anybody looks.
const PIECE_BYTES: usize = 1 << 10;

/// Makes the tree.
pub(super) fn grow(
    text: &str,
    limits: &SelectLimits,
    is_late: &dyn Fn() -> bool,
) -> Result<Html, SelectFault> {
    let mut parser = parse_document(HtmlTreeSink::new(Html::new_document()), ParseOpts::default());
    let mut rest = text;
    while !rest.is_empty() {
        let mut end = rest.len().min(PIECE_BYTES);
        while !rest.is_char_boundary(end) {
            end += 1;
        }
        let (piece, behind) = rest.split_at(end);
        parser.process(StrTendril::from_slice(piece));
        rest = behind;
        check(&parser.tokenizer.sink.sink.0.borrow(), limits, is_late)?;
    }
    let tree = parser.finish();
    check(&tree, limits, is_late)?;
    Ok(tree)
}

fn check(html: &Html, limits: &SelectLimits, is_late: &dyn Fn() -> bool) -> Result<(), SelectFault> {
    if html.tree.values().len() > limits.nodes_max {
        return Err(SelectFault::TooManyNodes { max: limits.nodes_max });
    }
    // What is nested deeply is being nested now: where the last node went is where the parser is.
    if html.tree.nodes().next_back().is_some_and(|last| last.ancestors().count() > limits.depth_max) {
        return Err(SelectFault::TooDeep { max: limits.depth_max });
    }
    if is_late() { Err(SelectFault::OutOfTime) } else { Ok(()) }
}
