//! Lines of a CDXJ index, as pywb and ReplayWeb.page read them.
//!
//! Owns the key by which they are sorted, and the names in them.

use dragline_model::Timestamp;
use dragline_storage::Record;
use serde_json::json;

/// A line without its end: `com,example)/path 20260131120000 {…}`. `offset` and `length` are those of the gzip member
/// with the response or the revisit, in the file.
pub(crate) fn line(record: &Record, is_revisit: bool, filename: &str, offset: u64, length: u64) -> Vec<u8> {
    let mime = if is_revisit { "warc/revisit" } else { record.mime.as_deref().unwrap_or("unk") };
    // As strings, as the indexers of others have it.
    let mut said = json!({
        "url": record.url,
        "mime": mime,
        "status": record.status.map_or("-".to_owned(), |status| status.to_string()),
        "length": length.to_string(),
        "offset": offset.to_string(),
        "filename": filename,
    });
    if let Some(digest) = &record.digest {
        said["digest"] = json!(digest);
    }
    format!("{} {} {said}", key(record.url.as_str()), stamp(record.fetched_at)).into_bytes()
}

/// The URL's key: the host's labels from the end, without `www.`, then port, path and sorted query, all in lower case.
pub(crate) fn key(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let at = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(at);
    let (host, port) = match authority.rsplit_once(':') {
        // Not within an IPv6 address.
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let mut key = if host.starts_with('[') || host.split('.').all(|it| it.parse::<u8>().is_ok()) {
        host.to_owned()
    } else {
        let labels: Vec<&str> = without_www(host).split('.').rev().collect();
        labels.join(",")
    };
    if let Some(port) = port {
        key.push(':');
        key.push_str(port);
    }
    key.push(')');
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    key.push_str(if path.is_empty() { "/" } else { path });
    if let Some(query) = query {
        let mut parts: Vec<&str> = query.split('&').collect();
        parts.sort_by_key(|part| part.split('=').next());
        key.push('?');
        key.push_str(&parts.join("&"));
    }
    key.to_lowercase()
}

/// `www.`, `www2.` and so on go.
fn without_www(host: &str) -> &str {
    let behind = host.strip_prefix("www").map(|it| it.trim_start_matches(|c: char| c.is_ascii_digit()));
    behind.and_then(|it| it.strip_prefix('.')).filter(|it| it.contains('.')).unwrap_or(host)
}

/// `20260131120000`.
fn stamp(at: Timestamp) -> String {
    crate::cell::time(at).chars().filter(char::is_ascii_digit).take(14).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys() {
        for (url, want) in [
            ("http://example.com/", "com,example)/"),
            ("https://www.Example.com/A/b.html", "com,example)/a/b.html"),
            ("http://www2.a.example.co.uk:8080/x?b=2&a=1&b=1", "uk,co,example,a:8080)/x?a=1&b=2&b=1"),
            ("http://192.0.2.1/x", "192.0.2.1)/x"),
            ("http://[::1]:81/?", "[::1]:81)/?"),
            ("http://www.com/", "com,www)/"),
        ] {
            assert_eq!(key(url), want, "{url}");
        }
        assert_eq!(stamp(Timestamp(1_767_225_600_123)), "20260101000000");
    }
}
