use super::*;

fn sketch(url: &str, body: &str) -> Sketch {
    Sketch::of(&CanonicalUrl::parse(url).unwrap(), body.as_bytes()).unwrap()
}

/// How many pieces of the second page the first has not.
fn new_in(before: (&str, &str), page: (&str, &str)) -> usize {
    let before = sketch(before.0, before.1);
    sketch(page.0, page.1).pieces().iter().filter(|piece| !before.pieces().contains(piece)).count()
}

#[test]
fn what_says_nothing_new() {
    let page = |text: &str| format!("<title>Shop</title><p>Frame and foot</p>{text}");
    for (before_url, before, url, text) in [
        ("http://a.example/2031/05", "<h1>May 2031</h1>", "http://a.example/2031/06", "<h1>Juni 2031</h1>"),
        ("http://a.example/x", "<b>12:30:05</b>", "http://a.example/x", "<b>09:01:55</b>"),
        ("http://a.example/x", "took 0.0123 seconds", "http://a.example/x", "took 0.4567 seconds"),
        ("http://a.example/x", "took 0.0123s", "http://a.example/x", "took 0.9s"),
        (
            "http://a.example/s/q8fjw2kx9a",
            "<i>q8fjw2kx9a</i>",
            "http://a.example/s/zzz1kx9ab",
            "<i>zzz1kx9ab</i>",
        ),
        ("http://a.example/x", "9f86d081884c7d65", "http://a.example/x", "aa86d081884c7d61"),
        ("http://a.example/nix", "No page nix here", "http://a.example/nada", "No page nada here"),
        ("http://a.example/?p=7", "Page 7 of 900, next 8", "http://a.example/?p=8", "Page 8 of 900, next 9"),
        ("http://a.example/?p=7", "<a>6</a><a>8</a>", "http://a.example/?p=70", "<a>69</a><a>71</a>"),
        ("http://a.example/x", "", "http://a.example/x", "<style>.x1234{a:b}</style><!-- made 5678 -->"),
        // Order is no content, nor is a part of what was there.
        (
            "http://a.example/?sort=price",
            "<li>Red shirt<b>49.90</b><li>Blue hat<b>5.50</b>",
            "http://a.example/?sort=name",
            "<li>Blue hat<b>5.50</b><li>Red shirt<b>49.90</b>",
        ),
        (
            "http://a.example/all",
            "<li>Red shirt<b>49.90</b><li>Blue hat<b>5.50</b>",
            "http://a.example/all?max=20",
            "<li>Blue hat<b>5.50</b>",
        ),
    ] {
        assert_eq!(new_in((before_url, &page(before)), (url, &page(text))), 0, "{text}");
    }
}

#[test]
fn a_word_of_the_url_is_missing_where_it_stands() {
    // One thing more, once: what belongs to it stays as it was.
    let (before, after) = ("<li>Blue hat<b>5.50</b>", "<li>Blue hat<b>5.50</b>Colour: blue");
    assert_eq!(new_in(("http://a.example/all", before), ("http://a.example/all?colour=blue", after)), 1);
}

#[test]
fn what_does() {
    let page = |text: &str| format!("<title>Shop</title><p>Frame and foot</p>{text}");
    for (before, text) in [
        ("<h1>Red shirt</h1>", "<h1>Blue shirt</h1>"),
        ("<td>Berlin<td>12.3<td>Berlin<td>12.4", "<td>Berlin<td>12.4<td>Berlin<td>12.3"),
        ("<td>4711<td>4712", "<td>4713<td>4714"),
        ("article 4711", "article 4712"),
        (
            "<script>var x = {\"title\": \"one thing\"}</script>",
            "<script>var x = {\"title\": \"another\"}</script>",
        ),
    ] {
        assert!(
            new_in(("http://a.example/a", &page(before)), ("http://a.example/b", &page(text))) > 0,
            "{text}"
        );
    }
}

#[test]
fn json_is_its_values() {
    let before =
        ("http://a.example/api/1", r#"{"id": 1, "name": "bulbasaur", "height": 70.5, "moves": ["cut"]}"#);
    for (body, want) in [
        (r#"{"moves": ["cut"], "name": "bulbasaur"}"#, 0),
        (r#"{"id": 2, "name": "ivysaur", "moves": []}"#, 1),
        (r#"{"name": "a \" b", "x": null, "y": [true, 1.25e3]}"#, 2),
        ("[]", 0),
        ("{}", 0),
    ] {
        assert_eq!(new_in(before, ("http://a.example/api/2", body)), want, "{body}");
    }
    assert!(sketch("http://a.example/", "[]").is_empty());
}

#[test]
fn a_table_of_measurements_never_repeats() {
    // A few hundred values at one place: every number is known soon, what stands beside each other is not.
    let chance = |n: u64| {
        (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40
    };
    let row = |n: u64| {
        format!(
            "Berlin;{}.{};{}.{}\n",
            10 + chance(n) % 20,
            chance(n + 1_000_000) % 10,
            40 + chance(n + 2_000_000) % 30,
            n % 2
        )
    };
    let page = |p: u64| (0..50).map(|n| row(p * 50 + n)).collect::<String>();
    let table = |p: u64| {
        page(p)
            .lines()
            .map(|row| format!("<tr><td>{}</td></tr>", row.replace(';', "</td><td>")))
            .collect::<String>()
    };
    let mut seen = std::collections::HashSet::new();
    for p in 0..40 {
        let url = format!("http://a.example/data?page={p}");
        let sketch = sketch(&url, &format!("<table>{}</table>", table(p)));
        let new = sketch.pieces().iter().filter(|piece| seen.insert(**piece)).count();
        assert!(new > 0, "page {p}");
    }
}

#[test]
fn a_long_page_is_thinned_to_the_same_pieces() {
    let items = |range: std::ops::Range<u32>| {
        range.map(|n| format!("<li>thing number {}</li>", n + 1000)).collect::<String>()
    };
    let (all, most) =
        (sketch("http://a.example/", &items(0..1500)), sketch("http://a.example/", &items(0..1450)));
    assert!(all.pieces().len() <= Sketch::PIECES_MAX && all.pieces().len() > Sketch::PIECES_MAX / 3);
    let zeros = |s: &Sketch| s.pieces().iter().map(|p| p.trailing_zeros()).min().unwrap();
    assert_eq!(zeros(&all), zeros(&most), "or the test says nothing");
    assert!(most.pieces().iter().all(|piece| all.pieces().contains(piece)));
}

#[test]
fn what_is_no_text_has_no_sketch() {
    let url = CanonicalUrl::parse("http://a.example/").unwrap();
    assert_eq!(Sketch::of(&url, b"\x89PNG\r\n\x1a\n\0\0\0"), None);
    assert!(Sketch::of(&url, b"").unwrap().is_empty());
}

proptest::proptest! {
    #[test]
    fn any_bytes_have_a_bounded_sketch(body in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400), start in "(<|\\{|\\[|)") {
        let url = CanonicalUrl::parse("http://a.example/x?y=1").unwrap();
        let body = [start.as_bytes(), &body].concat();
        if let Some(sketch) = Sketch::of(&url, &body) {
            let distinct: std::collections::HashSet<_> = sketch.pieces().iter().collect();
            proptest::prop_assert_eq!(distinct.len(), sketch.pieces().len());
            proptest::prop_assert!(sketch.pieces().len() <= Sketch::PIECES_MAX);
            proptest::prop_assert_eq!(Some(sketch), Sketch::of(&url, &body));
        }
    }
}
