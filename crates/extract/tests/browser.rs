//! The scanner's links against those of a browser's parser, on documents good and bad.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "helpers of tests: a failure there is a failed test"
)]

mod oracle;

use dragline_extract::{Document, Limits, all_links};
use dragline_model::CanonicalUrl;
use proptest::prelude::*;

fn url() -> CanonicalUrl {
    CanonicalUrl::parse("http://h.example/dir/page?q").unwrap()
}

fn ours(text: &str) -> Vec<CanonicalUrl> {
    let document =
        Document { url: &url(), content_type: Some("text/html; charset=utf-8"), body: text.as_bytes() };
    all_links(&document, &Limits::default())
}

fn sorted(mut urls: Vec<CanonicalUrl>) -> Vec<CanonicalUrl> {
    urls.sort();
    urls
}

/// The scanner sees exactly the links of the tree. The order is the document's, which the tree builder
/// changes where it mends a table.
#[track_caller]
fn check(text: &str) {
    let parse = oracle::parse(text);
    assert_eq!(sorted(ours(text)), sorted(oracle::links(&url(), &parse.elements)), "{text}");
}

#[test]
fn documents_of_every_kind() {
    for text in DOCUMENTS {
        check(text);
        // And each cut short at every character.
        for (at, _) in text.char_indices() {
            check(&text[..at]);
        }
    }
}

const DOCUMENTS: &[&str] = &[
    "<!doctype html><title>t</title><a href=1>1</a> <A HREF='2'>2</A> <a href=\"3\">3</a><a href>4</a><a>5</a>",
    "<a href=1><base href=/b/><base href=/c/><a href=2>",
    "<base target=x><base href='data:,x'><base href=//other.example><a href=1>",
    "<svg><base href=/b/></svg><a href=1>",
    "<a href='?a=1&amp;b=2&copy=3&copy;4&lt&#x2F;&#47&#x80;&#0;&NotEqualTilde;&#xD800;&bogus;&'>",
    "<a href=' \t\n x y\r\n '><a href=\"a\nb\"><a href='#f'><a href=''><a href='\\x\\y'><a href=a\0b>",
    "<a href=mailto:x><a href=javascript:void(0)><a href=//other.example><a href=HTTP://Other.Example:80/x#y>",
    "<a href=1 href=2><a href=1 HREF=2><a hreF=3/><a/href=4/><a href=5/ /><a x=y>href=6><a href = 7 >",
    "<a ='x' href=1><a = href=2><a =href=3 href=4><a x=/href=5><a x='y'href=6><a x=\"y\"z href=7><a \"href=8 href='9'>",
    "<!-- <a href=1> --><a href=2><!--><a href=3>--><!---><a href=4>--><!-- --!><a href=5><!-- -- > <a href=6>-->",
    "<!-><a href=1><!a <a href=2>><?x <a href=3>?><a href=4></ <a href=5>><a href=6></><a href=7></x y='>'><a href=8>",
    "<![CDATA[<a href=1>]]><a href=2><svg><![CDATA[<a href=3>]]><a href=4></svg><![CDATA[<a href=5>]]>",
    "<script><a href=1></script><a href=2><script>x<!-- <script> </script> <a href=3> --></script><a href=4>",
    "<script><!-- <a href=1></script><a href=2><script><!--<script></script></script><a href=3><script><!--></script><a href=4>",
    "<style><a href=1></styles></style x='>'><a href=2><xmp><a href=3></xmp><a href=4><textarea><a href=5></textarea><a href=6>",
    "<title><a href=1></title><a href=2><iframe src=3><a href=4></iframe><a href=5><noembed><a href=6></noembed><a href=7>",
    "<noframes><a href=1></noframes><a href=2><noscript><a href=3></noscript><a href=4><plaintext><a href=5></plaintext>",
    "<frameset><frame src=1><noframes><a href=2></noframes><frameset><frame src=3></frameset></frameset>",
    "<head><link rel=next href=1><link rel='x NEXT' href=2><link href=3 rel=n&#x65;xt><link rel=nextx href=4><link href=5></head>",
    "<template><a href=1><template><a href=2></template></template><a href=3>",
    "<table><a href=1><tr><a href=2><td><a href=3></table><a href=4><b><p><a href=5></b><a href=6>",
    "<map><area href=1><area href=2></map><object><a href=3></object><button><a href=4></button>",
    "<svg><a href=1><style><a href=2></style><title><a href=3><style><a href=4></style></title></svg><style><a href=5></style>",
    "<svg><script><a href=1></script><foreignObject><div><style><a href=2></style></div></foreignObject><textarea><a href=3></svg>",
    "<svg><path d='M0 0'/><g><g></g><desc>x</desc></g></svg><textarea><a href=1></textarea><a href=2>",
    "<svg><iframe src=1><area href=2><link rel=next href=3></svg><iframe src=4></iframe>",
    "<svg><g><p><style><a href=1></style><a href=2></svg><a href=3>",
    "<div><svg><g></div><style><a href=1></style><a href=2>",
    "<svg><font><style><a href=1></style></font><font color=red><style><a href=2></style>",
    "<math><mi><style><a href=1></style></mi><annotation-xml encoding='Text/HTML'><style><a href=2></style></annotation-xml>\
     <annotation-xml><style><a href=3></style></annotation-xml><ms><mglyph><style><a href=4></style></mglyph></ms></math>\
     <style><a href=5></style>",
    "<math><annotation-xml><svg><title><style><a href=1></style></title></svg></annotation-xml></math><title><a href=2></title>",
    "<svg/><style><a href=1></style><math/><title><a href=2></title><a href=3>",
    "< a href=1><<a href=2>a<b<c href=3<a href=4><a<b href=5><a\0 href=6><a\x0chref=7><\u{e9} href=8>",
    "\u{feff}<a href=\u{e9}?\u{e9}#\u{e9}><a href=\u{65e5}/\u{672c}><a href=//b\u{fc}cher.example>",
];

/// Pieces of markup whose every order the scanner must read as the parser does. Left out is what makes the
/// tree builder drop or move tags that the tokenizer has seen (`frameset`, `select`), which no scanner can
/// know; the corpus below has those.
fn pieces() -> impl Strategy<Value = String> {
    let fixed = proptest::sample::select(vec![
        "<",
        ">",
        "/",
        "</",
        "<!",
        "<!--",
        "-->",
        "--!>",
        "--",
        "-",
        "!",
        "<?",
        "=",
        "'",
        "\"",
        " ",
        "\n",
        "&",
        "&amp;",
        "&copy=",
        "&#x2F",
        ";",
        "\0",
        "é",
        "x",
        "<a",
        "<a ",
        "<A HREF=",
        " href=",
        " HREF = ",
        "href='",
        "href=\"",
        "<a href=",
        "<a href='u",
        "<area href=v>",
        "<area ",
        "</a>",
        "</A ",
        "<p>",
        "<p ",
        "</p>",
        "<b>",
        "<div",
        "<base href=/z/>",
        "<script>",
        "<script ",
        "</script>",
        "</script",
        "<style>",
        "</style>",
        "<title>",
        "</title ",
        "<textarea>",
        "</textarea>",
        "<xmp>",
        "</xmp>",
        "<iframe src=w>",
        "</iframe>",
        "<noembed>",
        "</noembed>",
        "<noscript>",
        "</noscript>",
        "<![CDATA[",
        "]]>",
        "<!doctype",
        "<link rel=next href=",
        "<link href=y rel='",
        "next",
        "a/../b",
        "//c/d",
        "?e",
        "#f",
        "http://g/",
        "mailto:h",
        "<table>",
        "<td>",
        "</table>",
        "<template>",
        "</template>",
    ])
    .prop_map(str::to_owned);
    prop_oneof![12 => fixed, 1 => any::<char>().prop_map(String::from), 1 => "[a-z]{1,3}"]
}

/// Foreign content as tools write it: elements closed in order.
fn foreign() -> impl Strategy<Value = String> {
    let leaf = proptest::sample::select(vec![
        "",
        "x",
        "<a href=1>l</a>",
        "<path></path>",
        "<![CDATA[<a href=2>]]>",
        "<!-- <a href=3> -->",
        "<style><a href=4></a></style>",
        "<title><a href=5></a></title>",
        "<script><a href=6></a></script>",
        "<iframe src=7></iframe>",
        "<br>",
        "</p>",
        "<font>x</font>",
        "<textarea><a href=8></a></textarea>",
        "</path>",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(4, 24, 4, |inner| {
        let names = proptest::sample::select(vec![
            "svg",
            "math",
            "g",
            "desc",
            "title",
            "foreignObject",
            "mi",
            "mtext",
            "annotation-xml",
            "div",
            "span",
            "a href=9",
        ]);
        (names, proptest::collection::vec(inner, 0..4)).prop_map(|(name, children)| {
            let close = name.split(' ').next().unwrap_or_default();
            format!("<{name}>{}</{close}>", children.concat())
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn tag_soup(pieces in proptest::collection::vec(pieces(), 0..24)) {
        let text = pieces.concat();
        let parse = oracle::parse(&text);
        prop_assert_eq!(sorted(ours(&text)), sorted(oracle::links(&url(), &parse.elements)), "{:?}", text);
        // Not even the order differs from the tokenizer's.
        prop_assert_eq!(ours(&text), oracle::links(&url(), &parse.tags), "{:?}", text);
    }

    #[test]
    fn foreign_content(text in foreign()) {
        let text = format!("<body>{text}<style><a href=end></style>");
        let parse = oracle::parse(&text);
        prop_assert_eq!(sorted(ours(&text)), sorted(oracle::links(&url(), &parse.elements)), "{:?}", text);
    }
}

/// Every `#data` of html5lib's tree construction tests, made richer: each is also read with links behind it,
/// which shows what state it left the parser in.
#[test]
fn html5lib_tree_construction() {
    let folder =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpora/html/html5lib/tree-construction");
    let Ok(files) = std::fs::read_dir(folder) else {
        println!("corpus absent, nothing compared");
        return;
    };
    let (mut documents, mut ignored_tags, mut differing) = (0, 0, Vec::new());
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "dat")) {
        let text = String::from_utf8(std::fs::read(path).unwrap()).unwrap();
        for test in text.split("#data\n").skip(1).filter(|test| !test.contains("\n#script-on")) {
            let data = test.split("\n#errors").next().unwrap();
            for probe in
                ["", "<a href=probe>", "\"'--><a href=probe1></script><a href=probe2></style><a href=probe3>"]
            {
                let document = format!("{data}{probe}");
                let parse = oracle::parse(&document);
                let (ours, tree) = (sorted(ours(&document)), sorted(oracle::links(&url(), &parse.elements)));
                documents += 1;
                if ours != tree {
                    let tokens = oracle::links(&url(), &parse.tags);
                    // Inside of a `<frameset>` or a group of columns the tree builder ignores nearly every tag.
                    if (document.contains("<frameset") || document.contains("<col"))
                        && tree.iter().all(|url| ours.contains(url))
                        && ours.iter().all(|url| tokens.contains(url))
                    {
                        ignored_tags += 1;
                    } else {
                        differing.push(format!(
                            "{}: {document:?}\n   ours {ours:?}\n   tree {tree:?}",
                            path.display()
                        ));
                    }
                }
            }
        }
    }
    println!("{documents} documents; in {ignored_tags} the tree builder ignores tags that are links to us");
    assert!(documents > 4000, "only {documents}: has the corpus changed its shape?");
    assert!(differing.is_empty(), "{} differ:\n{}", differing.len(), differing.join("\n"));
}
