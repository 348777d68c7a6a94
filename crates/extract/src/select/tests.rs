use std::cell::Cell;

use dragline_model::CanonicalUrl;
use serde_json::{Value, json};

use super::*;

fn select(
    columns: &[&str],
    each: Option<&str>,
    content_type: &str,
    body: &[u8],
) -> Result<Vec<Vec<Value>>, SelectFault> {
    let mut selection = Selection::parse(columns).unwrap();
    if let Some(each) = each {
        selection = selection.each(each).unwrap();
    }
    let url = CanonicalUrl::parse("http://a.example/").unwrap();
    let document = Document { url: &url, content_type: Some(content_type), body };
    selection.rows(&document, &SelectLimits::default(), &|| false)
}

fn html(columns: &[&str], body: &str) -> Value {
    let mut rows = select(columns, None, "text/html; charset=utf-8", body.as_bytes()).unwrap();
    assert!(rows.len() <= 1);
    rows.pop().map_or(Value::Null, Value::Array)
}

fn data(columns: &[&str], each: Option<&str>, body: &str) -> Value {
    json!(select(columns, each, "application/json", body.as_bytes()).unwrap())
}

#[test]
fn values_of_elements() {
    const PAGE: &str = "<!doctype html><title> A \n title </title><div id=x class='a b'>one<p>two<b>x</b> three</div>\
        <ul><li>1<li>2<li class=a>3</ul><a href='/p?a=1&amp;b=2' HREFLANG=de>l</a><script>no()</script>";
    for (column, want) in [
        ("t=title", json!("A title")),
        ("t=title::text", json!("A title")),
        // A line's end parts words, an element within a line does not.
        ("t=#x", json!("one twox three")),
        ("t=.a.b > p::html", json!("<p>two<b>x</b> three</p>")),
        ("t=a@href", json!("/p?a=1&b=2")),
        ("t=a@HrefLang", json!("de")),
        ("t=a[href=\"/p?a=1&b=2\"]", json!("l")),
        ("a[href]", json!("l")),
        ("t=li", json!("1")),
        ("t[]=li", json!(["1", "2", "3"])),
        ("t[]=li:not(.a)", json!(["1", "2"])),
        ("t=li:nth-child(2)", json!("2")),
        ("t=ul:has(> .a)", json!("1 2 3")),
        ("t=h1, h2, ul > .a", json!("3")),
        ("t=script", json!("no()")),
        ("t=:scope > head", json!("A title")),
        ("t[]=ul > *", json!(["1", "2", "3"])),
        ("t=html@lang", Value::Null),
    ] {
        let got = html(&[column, "there=title"], PAGE);
        assert_eq!(got[0], want, "{column}");
    }
    // Nothing at all is no row.
    assert_eq!(html(&["t=h1", "u[]=h2"], PAGE), Value::Null);
    // An empty text is something.
    assert_eq!(html(&["t=p"], "<p>"), json!([""]));
    assert_eq!(html(&["/a"], PAGE), Value::Null);
}

#[test]
fn rows_within_a_page() {
    let page = b"<table><tr class=r data-id=7><td>a<td>b<tr class=r><td>c</table><p class=r>";
    let rows = select(
        &["first=td", "second=td:nth-child(2)", "id=@data-id", "own=::text"],
        Some("tr.r"),
        "text/html",
        page,
    );
    assert_eq!(json!(rows.unwrap()), json!([["a", "b", "7", "a b"], ["c", null, null, "c"]]));
    // A table's misplaced elements stand before it, in the document and in the rows.
    let rows = select(&["t=::text"], Some("p"), "text/html", b"<table><tr><td><p>1</td></tr><p>0</table>");
    assert_eq!(json!(rows.unwrap()), json!([["0"], ["1"]]));
}

#[test]
fn values_of_data() {
    const DATA: &str = r#"{"name":"n","n":1.50,"t":true,"no":null,"a":[1,"x",{"y":2}],"m":{"p":{"q":1},"r":{"q":2}},"a/b":3}"#;
    for (column, want) in [
        ("/name", json!("n")),
        ("v=/n", json!(1.5)),
        ("/t", json!(true)),
        ("/a", json!([1, "x", {"y": 2}])),
        ("v[]=/a", json!([1, "x", {"y": 2}])),
        ("v=/a/2/y", json!(2)),
        ("v=/m/*/q", json!(1)),
        ("v[]=/m/*/q", json!([1, 2])),
        ("v[]=/m/*", json!([{"q": 1}, {"q": 2}])),
        ("v=/a~1b", json!(3)),
        ("v=/no", Value::Null),
        ("v=/none", Value::Null),
    ] {
        assert_eq!(data(&[column, "there=/name"], None, DATA)[0][0], want, "{column}");
    }
    assert_eq!(data(&["q=/q"], Some("/m/*"), DATA), json!([[1], [2]]));
    assert_eq!(data(&["y=/y", "k=/k"], Some("/a"), DATA), json!([[2, null]]));
    let lines = select(&["/a"], None, "application/x-ndjson", b"{\"a\":1}\n\n{\"a\":2}\r\n").unwrap();
    assert_eq!(json!(lines), json!([[1], [2]]));
    let error = select(&["/a"], None, "application/json", b"{\"a\":").unwrap_err();
    assert_eq!(error.to_string(), "it is no JSON: EOF while parsing a value at line 1 column 5");
    assert_eq!(select(&["/a"], None, "image/png", b"\x89PNG").unwrap_err(), SelectFault::Foreign);
    let deep = "[".repeat(100_000);
    assert!(matches!(select(&["/a"], None, "text/json", deep.as_bytes()), Err(SelectFault::NotJson(_))));
}

#[test]
fn documents_in_their_own_encoding() {
    let rows = select(&["h1"], None, "text/html; charset=shift_jis", b"<h1>\x93\xfa\x96{</h1>").unwrap();
    assert_eq!(json!(rows), json!([["日本"]]));
    let utf16: Vec<u8> = "\u{feff}{\"a\":\"ü\"}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(json!(select(&["/a"], None, "application/json", &utf16).unwrap()), json!([["ü"]]));
}

#[test]
fn what_is_no_selection() {
    for (columns, each, want) in [
        (&[][..], None, "no column is selected; say one as NAME=SELECTOR, as in title=h1"),
        (&["a=h1", "a=h2"], None, "two columns are called \"a\"; give one of them another name"),
        (
            &["a="],
            None,
            "column \"a\": \"\" is empty; say a CSS selector, or a JSON pointer that begins with /",
        ),
        (&["price=p..x"], None, "column \"price\": \"p..x\" is no CSS selector: "),
        (&["h1 >"], None, "column \"h1 >\": \"h1 >\" is no CSS selector: it ends too soon, at character 5"),
        (&["a=p::first-line"], None, "column \"a\": \"p::first-line\" is no CSS selector: "),
        (&["a=/x~"], None, "column \"a\": \"/x~\" is no place: JSON pointer \"/x~\" has a ~"),
        (&["a=h1"], Some("/rows"), "column \"a\" and the rows are selected in two ways"),
        (&["a=h1"], Some("tr@id"), "rows: \"tr@id\" must match elements"),
        (&["a=h1"], Some(""), "rows: \"\" is empty"),
    ] {
        let selection = Selection::parse(columns).and_then(|it| match each {
            Some(each) => it.each(each),
            None => Ok(it),
        });
        let error = selection.unwrap_err().to_string();
        assert!(error.starts_with(want), "{columns:?} {each:?}: {error}");
    }
    let many: Vec<String> = (0..=SELECTED_MAX).map(|n| format!("c{n}=p")).collect();
    assert_eq!(Selection::parse(&many).unwrap_err(), SelectError::TooMany(SELECTED_MAX + 1));
    assert_eq!(
        Selection::parse(["a=p", "/b", "c[]=/d"]).unwrap().names().collect::<Vec<_>>(),
        ["a", "/b", "c"]
    );
}

#[test]
fn a_page_made_to_be_slow_is_given_up() {
    let html = |body: String, limits: SelectLimits| {
        let url = CanonicalUrl::parse("http://a.example/").unwrap();
        let document = Document { url: &url, content_type: Some("text/html"), body: body.as_bytes() };
        Selection::parse(["p"]).unwrap().rows(&document, &limits, &|| false)
    };
    let limits = SelectLimits::default();
    let nested = |unit: &str, times: usize| unit.repeat(times);
    assert_eq!(html(nested("<ul><li>", 200_000), limits), Err(SelectFault::TooDeep { max: 512 }));
    assert_eq!(html(nested("<div>", 500), limits), Ok(vec![]));
    // Items that close one another are not nested.
    assert_eq!(html(nested("<li>", 50_000), limits), Ok(vec![]));
    // Formatting that stays open is made anew in each paragraph.
    let left_open: String = (0..400).map(|n| format!("<b id={n}>")).collect();
    let error = html(format!("<p>{left_open}{}", nested("<p>x", 100_000)), limits);
    assert!(
        matches!(error, Err(SelectFault::TooManyNodes { .. } | SelectFault::TooDeep { .. })),
        "{error:?}"
    );
    let small = SelectLimits { bytes_max: 10, ..limits };
    assert_eq!(html(nested("x", 11), small), Err(SelectFault::TooLarge { bytes: 11, max: 10 }));
    let few = SelectLimits { value_bytes_max: 10, ..limits };
    assert_eq!(html("<p>0123456789a".into(), few), Err(SelectFault::TooMuch { max: 10 }));
    let error = select(&["x=::text"], Some("li"), "text/html", nested("<li>x", 100_001).as_bytes());
    assert_eq!(error, Err(SelectFault::TooManyRows { max: 100_000 }));
}

/// Whoever is late learns it within one small piece of work, in the tree and in the matching.
#[test]
fn time_is_looked_at_often() {
    let url = CanonicalUrl::parse("http://a.example/").unwrap();
    let body = "<div><p>x</p></div>".repeat(5_000);
    let document = Document { url: &url, content_type: Some("text/html"), body: body.as_bytes() };
    let selection = Selection::parse(["a=p:has(a)", "b[]=div p"]).unwrap();
    let asked = Cell::new(0_u32);
    let run = |times: u32| {
        asked.set(0);
        selection.rows(&document, &SelectLimits::default(), &|| {
            asked.set(asked.get() + 1);
            asked.get() > times
        })
    };
    assert_eq!(run(u32::MAX).unwrap().len(), 1);
    let all = asked.get();
    assert!(all > 10_000 + body.len() as u32 / 1024, "asked {all} times");
    for times in [0, 1, 50, all / 2, all - 1] {
        assert_eq!(run(times), Err(SelectFault::OutOfTime));
        assert_eq!(asked.get(), times + 1, "nothing is done behind the end");
    }
}
