//! Recorded answers of other readers of sitemaps: the same bytes list the same pages.
//!
//! Of the 71 rows of the corpus 66 agree, in what the document is, in every URL and in all that is said of it; three
//! are in [`DIFFERENCES`], each with its reason, and two are on `robots.txt`, which is no document. Where the recorded
//! reader leaves out what is not below the sitemap's own directory, so does this comparison: scope is the caller's.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "helpers of tests: a failure there is a failed test"
)]

mod corpus;

use corpus::{base64, enough, rows};
use dragline_extract::{Discovery, Document, Entry, Head, Kind, Options, Role, discover};
use dragline_model::{CanonicalUrl, Timestamp};

/// Rows that are read in another way, each time because the recorded reader was told to be strict, and refuses the
/// whole document.
const DIFFERENCES: [&str; 3] = [
    // An end tag too many at the end: we say so, and keep the entry in front of it.
    "SiteMapParserTest.lambda$testSitemapParserBrokenXml$2:440#9",
    // A document type with an external entity: we never look at document types, and keep the entry without it. The
    // same document, with document types allowed, is another row, and we agree.
    "SiteMapParserTest.lambda$testSitemapXXE$0:145#33",
    // A namespace of another search engine's: any will do. The same document is another row with a lenient reader,
    // and we agree.
    "SiteMapParserTest.testSitemapWithWrongNamespace:250#37",
];

/// What a sitemap lists, and what is said of it.
fn read(url: &CanonicalUrl, content_type: &str, body: &[u8]) -> (Discovery, Vec<(CanonicalUrl, Role)>) {
    let document = Document { url, content_type: Some(content_type), body };
    let options = Options { as_sitemap: true, ..Options::default() };
    let mut found = Vec::new();
    let discovery =
        discover(&document, &Head::default(), &options, |_| false, |_, url, role| found.push((url, role)));
    found.retain(|(_, role)| *role != Role::Alternate);
    (discovery, found)
}

/// `2004-12-23T18:00:15Z`, by another way than the one that reads it.
fn show(modified: Option<Timestamp>) -> String {
    let Some(Timestamp(milliseconds)) = modified else { return String::new() };
    let seconds = milliseconds / 1000;
    let (mut days, in_day) = (seconds / 86_400, seconds % 86_400);
    let mut year = 1970;
    let is_leap =
        |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    let (month, day) = (month + 1, days + 1);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", in_day / 3600, in_day / 60 % 60, in_day % 60)
}

fn show_entry(entry: Entry) -> String {
    let change = entry.change.map_or("", |change| change.as_str());
    format!("{} {change} {}", show(entry.modified), entry.priority.unwrap_or(50))
}

#[test]
fn sitemaps_as_crawler_commons_reads_them() {
    let rows = rows("sitemaps/crawler_commons.jsonl");
    let (mut agreed, mut differ) = (0, Vec::new());
    for row in &rows {
        let id = row["id"].as_str().unwrap();
        let url = CanonicalUrl::parse(row["url"].as_str().unwrap()).unwrap();
        let body = base64(row["content_b64"].as_str().unwrap());
        let (discovery, mut found) = read(&url, row["content_type"].as_str().unwrap(), &body);
        let is_index = row["is_index"] == true;
        if row["strict_location"] == true && !is_index {
            let directory = &url.as_str()[..url.origin().len() + url.path().rfind('/').unwrap() + 1];
            found.retain(|(url, _)| url.as_str().starts_with(directory));
        }
        let kind = match row["type"].as_str().unwrap() {
            "XML" => Kind::Sitemap,
            "INDEX" => Kind::SitemapIndex,
            "TEXT" => Kind::TextSitemap,
            "RSS" => Kind::Rss,
            "ATOM" => Kind::Atom,
            _ => Kind::Other,
        };
        let ours: Vec<String> =
            found.iter().map(|(url, role)| format!("{url} {}", show_entry(role.entry()))).collect();
        let theirs: Vec<String> = row["entries"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| {
                let url = CanonicalUrl::parse(entry["loc"].as_str().unwrap()).unwrap();
                let change = entry["changefreq"].as_str().unwrap_or_default().to_lowercase();
                let priority = entry["priority"].as_f64().unwrap_or(0.5) * 100.0;
                format!("{url} {} {change} {}", entry["lastmod"].as_str().unwrap(), priority.round())
            })
            .collect();
        if (discovery.kind, &ours) == (kind, &theirs) {
            agreed += 1;
        } else {
            println!("{id}: {:?}, not {kind:?}; {ours:#?}, not {theirs:#?}", discovery.kind);
            differ.push(id);
        }
    }
    enough(agreed, 55, &rows);
    assert_eq!(differ, if rows.is_empty() { vec![] } else { DIFFERENCES.to_vec() });
}

#[test]
fn sitemaps_as_scrapy_reads_them() {
    let rows = rows("sitemaps/scrapy_sitemap.jsonl");
    let mut compared = 0;
    for row in rows.iter().filter(|row| row["fn"] == "scrapy.Sitemap") {
        let url = CanonicalUrl::parse("http://www.example.com/sitemap.xml").unwrap();
        let (discovery, found) = read(&url, "text/xml", &base64(row["args"]["b64"].as_str().unwrap()));
        let theirs = &row["result"];
        let kind = if theirs["type"] == "sitemapindex" { Kind::SitemapIndex } else { Kind::Sitemap };
        let entries = theirs["entries"].as_array().unwrap();
        let ours: Vec<_> =
            found.iter().map(|(url, role)| (url.to_string(), show_entry(role.entry()))).collect();
        let want: Vec<_> = entries
            .iter()
            .map(|entry| {
                let text = |name: &str| entry[name].as_str().unwrap_or_default();
                let modified = match text("lastmod") {
                    "" => String::new(),
                    day if day.len() == 10 => format!("{day}T00:00:00Z"),
                    other => other.replace("+00:00", "Z"),
                };
                let priority = text("priority").parse::<f64>().map_or(50.0, |priority| priority * 100.0);
                (text("loc").to_owned(), format!("{modified} {} {}", text("changefreq"), priority.round()))
            })
            .collect();
        let alternates: Vec<&str> = entries
            .iter()
            .filter_map(|entry| entry["alternate"].as_array())
            .flatten()
            .map(|url| url.as_str().unwrap())
            .collect();
        let ours_alternates: Vec<_> = discovery.alternates.iter().map(|(_, url)| url.as_str()).collect();
        assert_eq!((discovery.kind, &ours), (kind, &want), "{}", row["id"]);
        assert_eq!(ours_alternates, alternates, "{}", row["id"]);
        compared += 1;
    }
    enough(compared, 11, &rows);
}
