//! CSS selectors over a tree.
//!
//! Owns the walk in document order, and what of an element is a value.

use scraper::selector::Simple;
use scraper::{Element as _, ElementRef, Html};
use selectors::context::{
    MatchingContext, MatchingForInvalidation, MatchingMode, NeedsSelectorFlags, QuirksMode, SelectorCaches,
};
use selectors::matching::matches_selector;
use selectors::parser::SelectorList;
use serde_json::Value;

use super::spec::{Column, Part, Selector};
use super::{Out, SelectFault, Selection, words};

/// The rows of a tree.
pub(super) fn rows(selection: &Selection, html: &Html, out: &mut Out<'_>) -> Result<(), SelectFault> {
    let root = html.tree.root().children().find_map(ElementRef::wrap);
    let Some(root) = root else { return Ok(()) };
    let Some(Selector::Css { path: Some(each), .. }) = &selection.each else {
        let row = row(selection, root, true, out)?;
        return out.push(row);
    };
    let mut elements = Matches::of(each, root, true);
    while let Some(element) = elements.next(out)? {
        let row = row(selection, element, false, out)?;
        out.push(row)?;
    }
    Ok(())
}

/// `is_document` where the element is the root, which a selector may match too.
fn row(
    selection: &Selection,
    element: ElementRef<'_>,
    is_document: bool,
    out: &mut Out<'_>,
) -> Result<Vec<Value>, SelectFault> {
    selection.columns.iter().map(|column| value(column, element, is_document, out)).collect()
}

fn value(
    column: &Column,
    element: ElementRef<'_>,
    is_document: bool,
    out: &mut Out<'_>,
) -> Result<Value, SelectFault> {
    let mut found = Vec::new();
    match &column.selector {
        Selector::Pointer(_) => return Ok(Value::Null),
        Selector::Css { path: None, part } => found.extend(part_of(element, part, out)?),
        Selector::Css { path: Some(path), part } => {
            let mut elements = Matches::of(path, element, is_document);
            while let Some(element) = elements.next(out)? {
                found.extend(part_of(element, part, out)?);
                if !column.all && !found.is_empty() {
                    break;
                }
            }
        }
    }
    Ok(match column.all {
        true => Value::Array(found),
        false => found.pop().unwrap_or(Value::Null),
    })
}

/// The elements below one that match, in document order.
struct Matches<'a, 's> {
    path: &'s SelectorList<Simple>,
    scope: ElementRef<'a>,
    ahead: Box<dyn Iterator<Item = ElementRef<'a>> + 'a>,
    /// Of this selector alone: what is cached is found by its address.
    caches: SelectorCaches,
}

impl<'a, 's> Matches<'a, 's> {
    fn of(path: &'s SelectorList<Simple>, scope: ElementRef<'a>, with_itself: bool) -> Self {
        let below = scope.descendants().skip(usize::from(!with_itself));
        Self {
            path,
            scope,
            ahead: Box::new(below.filter_map(ElementRef::wrap)),
            caches: SelectorCaches::default(),
        }
    }

    fn next(&mut self, out: &Out<'_>) -> Result<Option<ElementRef<'a>>, SelectFault> {
        for element in self.ahead.by_ref() {
            // At each of them: one `:has()` may look at the whole tree.
            out.time()?;
            let mut context = MatchingContext::new(
                MatchingMode::Normal,
                None,
                &mut self.caches,
                QuirksMode::NoQuirks,
                NeedsSelectorFlags::No,
                MatchingForInvalidation::No,
            );
            context.scope_element = Some(self.scope.opaque());
            if self.path.slice().iter().any(|one| matches_selector(one, 0, None, &element, &mut context)) {
                return Ok(Some(element));
            }
        }
        Ok(None)
    }
}

fn part_of(element: ElementRef<'_>, part: &Part, out: &mut Out<'_>) -> Result<Option<Value>, SelectFault> {
    let text = match part {
        Part::Text => Some(words::of(element)),
        Part::Html => Some(element.html()),
        Part::Attribute(name) => element.attr(name).map(str::to_owned),
    };
    out.count(text.as_ref().map_or(0, String::len))?;
    Ok(text.map(Value::String))
}
