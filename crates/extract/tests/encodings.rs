//! Documents in the encodings of the web: scanned as bytes, they give the links of their text.

#![allow(clippy::expect_used, reason = "helpers of tests: a failure there is a failed test")]

use dragline_extract::{Document, Limits, Summary, all_links, links};
use dragline_model::CanonicalUrl;
use encoding_rs::{
    BIG5, EUC_JP, EUC_KR, Encoding, GB18030, GBK, ISO_2022_JP, KOI8_R, SHIFT_JIS, UTF_8, WINDOWS_1252,
    WINDOWS_1258, X_USER_DEFINED,
};
use proptest::prelude::*;

fn read(charset: Option<&str>, body: &[u8]) -> (Summary, Vec<String>) {
    let url = CanonicalUrl::parse("http://h.example/").expect("a URL");
    let content_type = charset.map(|charset| format!("text/html; charset={charset}"));
    let document = Document { url: &url, content_type: content_type.as_deref(), body };
    let summary = links(&document, &Limits::default(), |_| true, |_, _| {});
    (summary, all_links(&document, &Limits::default()).iter().map(CanonicalUrl::to_string).collect())
}

/// UTF-16 has no encoder: the web only reads it.
fn utf_16(text: &str, bytes: impl Fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).collect()
}

const PAGE: &str =
    "<title>表示</title><!-- 能 --><p title='ソ>'><a href='表/ソ'>能</a><a href=\"b?q=表\">b</a>";

#[test]
fn a_page_has_the_same_links_in_every_encoding() {
    let path = "http://h.example/%E8%A1%A8/%E3%82%BD";
    for (body, charset, query) in [
        (UTF_8.encode(PAGE).0.into_owned(), "UTF-8", "%E8%A1%A8"),
        // The second halves of these characters are a backslash and the like.
        (SHIFT_JIS.encode(PAGE).0.into_owned(), "Shift_JIS", "%95\\"),
        (EUC_JP.encode(PAGE).0.into_owned(), "EUC-JP", "%C9%BD"),
        (GB18030.encode(PAGE).0.into_owned(), "gb18030", "%B1%ED"),
        // Letters and quotes may be halves of characters here: transcoded as a whole.
        (ISO_2022_JP.encode(PAGE).0.into_owned(), "ISO-2022-JP", "%1B$BI=%1B(B"),
        // URLs are never sent in UTF-16.
        (utf_16(PAGE, u16::to_le_bytes), "UTF-16LE", "%E8%A1%A8"),
        (utf_16(PAGE, u16::to_be_bytes), "UTF-16BE", "%E8%A1%A8"),
    ] {
        let (summary, links) = read(Some(charset), &body);
        assert_eq!(summary.charset, charset);
        assert_eq!(links, [path.to_owned(), format!("http://h.example/b?q={query}")], "{charset}");
    }
}

#[test]
fn a_byte_order_mark_or_a_declaration_is_enough() {
    let mut body = vec![0xff, 0xfe];
    body.extend(utf_16(PAGE, u16::to_le_bytes));
    assert_eq!(read(Some("utf-8"), &body).0.charset, "UTF-16LE");
    assert_eq!(read(Some("utf-8"), &body).1.len(), 2);

    let declared = format!("<meta charset=shift_jis>{PAGE}");
    let (summary, links) = read(None, &SHIFT_JIS.encode(&declared).0);
    assert_eq!((summary.charset, links[1].as_str()), ("Shift_JIS", "http://h.example/b?q=%95\\"));

    // An encoding that is only ever declared to smuggle markup past a filter is one replacement character.
    assert_eq!(read(Some("hz-gb-2312"), b"<a href=x>").1, [""; 0]);
}

#[test]
fn the_base_is_in_the_encoding_of_the_document_too() {
    let (summary, links) = read(Some("iso-8859-1"), b"<a href=''>x</a><base href='/\xe9?\xe9'>");
    assert_eq!(links, ["http://h.example/%C3%A9?%E9"]);
    assert_eq!(summary.base.map(|base| base.to_string()).as_deref(), Some("http://h.example/%C3%A9?%E9"));
    assert_eq!(read(None, b"<base href='ftp://x/'><a href=y><a href=http://z/>").1, ["http://z/"]);
    assert_eq!(read(None, b"<base href='ftp://x/'>").0.base, None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// No question mark is in it, since a query depends on the encoding by right.
    #[test]
    fn scanning_bytes_is_scanning_their_text(
        pieces in proptest::collection::vec(
            prop_oneof![
                2 => proptest::sample::select(vec![
                    &b"<a href='"[..], b"<a href=", b"<a x=\"", b"' ", b"'>", b"\"", b">", b"<p ", b"<!--", b"-->", b"<title>",
                    b"</title>", b"<script>", b"</script>", b"<base href=/b/>", b"&eacute;", b"&", b"/", b"\\", b"\0", b" ", b"=",
                    b"<svg>", b"<style>", b"href=",
                ]).prop_map(<[u8]>::to_vec),
                1 => proptest::collection::vec(any::<u8>().prop_filter("a query", |byte| *byte != b'?'), 1..4),
                1 => proptest::collection::vec(0x80_u8..=0xff, 1..6),
            ],
            0..24,
        ),
    ) {
        // No declaration of another encoding may begin it.
        let body = [&b"x"[..], &pieces.concat()].concat();
        for encoding in [
            UTF_8, WINDOWS_1252, WINDOWS_1258, KOI8_R, X_USER_DEFINED, SHIFT_JIS, EUC_JP, EUC_KR, BIG5, GBK, GB18030,
        ] {
            let encoding: &'static Encoding = encoding;
            let text = encoding.decode_without_bom_handling(&body).0;
            prop_assert_eq!(read(Some(encoding.name()), &body).1, read(Some("utf-8"), text.as_bytes()).1, "{} {:?}", encoding.name(), text);
        }
    }
}
