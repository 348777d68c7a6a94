//! JSON pointers over a document.
//!
//! Owns the walk. Depth is serde_json's to bound (128).

use serde_json::Value;

use super::spec::{Column, Selector};
use super::{Out, SelectFault, Selection};
use crate::pointer::Segment;

/// The rows of a document, or of each line of one that has a document in each.
pub(super) fn rows(
    selection: &Selection,
    text: &str,
    lines: bool,
    out: &mut Out<'_>,
) -> Result<(), SelectFault> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if !lines {
        return document(selection, text, out);
    }
    // RFC 7464 begins each with a record separator.
    let lines = text.lines().map(|line| line.trim_matches(['\u{1e}', ' ', '\t']));
    lines.filter(|line| !line.is_empty()).try_for_each(|line| document(selection, line, out))
}

fn document(selection: &Selection, text: &str, out: &mut Out<'_>) -> Result<(), SelectFault> {
    let root: Value = serde_json::from_str(text).map_err(|error| SelectFault::NotJson(error.to_string()))?;
    out.time()?;
    let Some(Selector::Pointer(each)) = &selection.each else {
        let row = row(selection, &root, out)?;
        return out.push(row);
    };
    let mut places = Vec::new();
    walk(&root, each, &mut |place| {
        places.push(place);
        true
    });
    for place in places {
        // What is no array stands for itself: many an API gives one result without brackets.
        let elements = place.as_array().map_or(std::slice::from_ref(place), Vec::as_slice);
        for element in elements {
            let row = row(selection, element, out)?;
            out.push(row)?;
        }
    }
    Ok(())
}

fn row(selection: &Selection, root: &Value, out: &mut Out<'_>) -> Result<Vec<Value>, SelectFault> {
    selection.columns.iter().map(|column| value(column, root, out)).collect()
}

fn value(column: &Column, root: &Value, out: &mut Out<'_>) -> Result<Value, SelectFault> {
    let Selector::Pointer(place) = &column.selector else { return Ok(Value::Null) };
    let mut found: Vec<&Value> = Vec::new();
    walk(root, place, &mut |value| {
        found.push(value);
        column.all
    });
    // An array that is led to is the list that was asked for.
    if let (true, [Value::Array(list)]) = (column.all, &*found) {
        found = list.iter().collect();
    }
    let mut copied = Vec::with_capacity(found.len());
    for value in found {
        out.count(weight(value))?;
        copied.push(value.clone());
    }
    Ok(match column.all {
        true => Value::Array(copied),
        false => copied.pop().unwrap_or(Value::Null),
    })
}

/// Calls `each` for every place that the segments lead to, in order, until it says `false`.
fn walk<'v>(value: &'v Value, segments: &[Segment], each: &mut dyn FnMut(&'v Value) -> bool) -> bool {
    let Some((first, rest)) = segments.split_first() else { return each(value) };
    match (first, value) {
        (Segment::Any, Value::Array(list)) => list.iter().all(|it| walk(it, rest, each)),
        (Segment::Any, Value::Object(members)) => members.values().all(|it| walk(it, rest, each)),
        (Segment::Named { index: Some(index), .. }, Value::Array(list)) => {
            let element = usize::try_from(*index).ok().and_then(|index| list.get(index));
            element.is_none_or(|it| walk(it, rest, each))
        }
        (Segment::Named { name, .. }, Value::Object(members)) => {
            members.get(name).is_none_or(|it| walk(it, rest, each))
        }
        _ => true,
    }
}

/// About how many bytes of memory a copy takes.
fn weight(value: &Value) -> usize {
    const NODE: usize = 32;
    NODE + match value {
        Value::String(text) => text.len(),
        Value::Array(list) => list.iter().map(weight).sum(),
        Value::Object(members) => members.iter().map(|(name, it)| name.len() + weight(it)).sum(),
        _ => 0,
    }
}
