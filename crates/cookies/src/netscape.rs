//! Jars as text: the Netscape `cookies.txt` that curl, wget and browsers' extensions read and write.
//!
//! Owns that form and the one comment we add to it. Never opens a file.
//!
//! A line is seven fields with tabs between them: domain, whether names below it are meant, path, whether
//! `Secure`, end in seconds since 1970 (0 for the session's end), name, value. A dot before the domain means
//! nothing; `#HttpOnly_` before it means what it says; any other line with a `#` in front is a comment.

use std::time::SystemTime;

use dragline_model::CanonicalUrl;

use crate::{
    BadLine, Refusal,
    cookie::Cookie,
    domain::{is_address, is_domain, is_public_suffix},
    origin::Origin,
    refusal::shown,
    set_cookie::{Wish, ends_at, has_control},
};

/// The first line, by which other programs know the form.
const TITLE: &str = "# Netscape HTTP Cookie File";

/// Before the domain of a cookie with `HttpOnly`. Programs that do not know it see a comment.
const HTTP_ONLY: &str = "#HttpOnly_";

/// The comment that gives the next line's cookie its scheme and port, which the form has no field for.
const ORIGIN: &str = "#dragline-origin ";

/// Behind the origin: the cookie was set over plain HTTP, and HTTPS wants no more of it.
const STAYS: &str = " stays";

/// Where a line's cookie was set, and whether it may go up from there to HTTPS.
#[derive(Clone, Copy, PartialEq, Eq)]
struct SetAt {
    origin: Origin,
    upward: bool,
}

impl SetAt {
    fn of(cookie: &Cookie) -> Self {
        Self { origin: cookie.origin, upward: cookie.upward }
    }

    /// What is taken to be so where no comment says otherwise.
    fn assumed(secure: bool) -> Self {
        Self { origin: if secure { Origin::HTTPS } else { Origin::HTTP }, upward: true }
    }
}

/// Reads all lines, or says which of them is wrong. Cookies that are over are passed over.
pub(crate) fn read(text: &str, now: SystemTime) -> Result<Vec<Cookie>, BadLine> {
    let mut cookies = Vec::new();
    let mut set_at = None;
    for (line, text) in (1..).zip(text.lines()) {
        let bad = |why| BadLine { line, why };
        if let Some(comment) = text.strip_prefix(ORIGIN) {
            set_at = Some(read_origin(comment).map_err(bad)?);
        } else if !is_blank(text) {
            let cookie = read_line(text, set_at.take(), now).map_err(bad)?;
            cookies.extend((!cookie.is_over(now)).then_some(cookie));
        }
    }
    Ok(cookies)
}

/// Writes all cookies that the form can hold.
pub(crate) fn write(cookies: &[&Cookie]) -> String {
    let mut text = format!("{TITLE}\n\n");
    for cookie in cookies {
        if [&cookie.name, &cookie.value, &cookie.path].iter().any(|part| part.contains('\t')) {
            continue;
        }
        if SetAt::of(cookie) != SetAt::assumed(cookie.secure) {
            let scheme = if cookie.origin.https { "https" } else { "http" };
            let stays = if cookie.upward { "" } else { STAYS };
            text += &format!("{ORIGIN}{scheme}:{}{stays}\n", cookie.origin.port);
        }
        let mark = if cookie.http_only { HTTP_ONLY } else { "" };
        let dot = if cookie.host_only { "" } else { "." };
        let fields = [
            flag(!cookie.host_only),
            &cookie.path,
            flag(cookie.secure),
            &cookie.expiry.map_or(0, seconds).to_string(),
            &cookie.name,
            &cookie.value,
        ];
        text += &format!("{mark}{dot}{}\t{}\n", bare(&cookie.domain), fields.join("\t"));
    }
    text
}

fn is_blank(line: &str) -> bool {
    (line.starts_with('#') && !line.starts_with(HTTP_ONLY)) || line.trim().is_empty()
}

fn read_line(line: &str, set_at: Option<SetAt>, now: SystemTime) -> Result<Cookie, Refusal> {
    let (line, http_only) = match line.strip_prefix(HTTP_ONLY) {
        Some(rest) => (rest, true),
        None => (line, false),
    };
    let fields: Vec<&str> = line.split('\t').collect();
    let (domain, below, path, secure, end, name, value) = match fields[..] {
        [domain, below, path, secure, end, name, value] => (domain, below, path, secure, end, name, value),
        // An empty value goes together with its tab where an editor strips the ends of lines.
        [domain, below, path, secure, end, name] => (domain, below, path, secure, end, name, ""),
        _ => return Err(Refusal::Malformed("there are not seven fields with tabs between them")),
    };
    let secure = read_flag(secure)?;
    let below = read_flag(below)?;
    if !path.starts_with('/') {
        return Err(Refusal::Malformed("the path, third field, does not begin with \"/\""));
    }
    let (name, value) = (name.trim_matches(' '), value.trim_matches(' '));
    if name.contains([';', '=']) || value.contains(';') || has_control(path.as_bytes()) {
        return Err(Refusal::Malformed("a cookie cannot have a character that this one has"));
    }
    let set_at = set_at.unwrap_or(SetAt::assumed(secure));
    let url = url_of(domain, set_at.origin)?;
    // No host asks here, so that none can turn out to be the suffix itself.
    if below && is_public_suffix(url.host()) {
        return Err(Refusal::PublicSuffix(shown(url.host().as_bytes())));
    }
    let wish = Wish {
        name,
        value,
        domain: if below { url.host().as_bytes() } else { b"" },
        path: Some(Some(path.as_bytes())),
        expiry: read_end(end, now)?,
        secure,
        http_only,
    };
    Ok(Cookie { upward: set_at.upward, ..Cookie::admitted(&wish, &url)? })
}

/// The root of the host that a line is for, which puts it into the form URLs have it.
fn url_of(domain: &str, origin: Origin) -> Result<CanonicalUrl, Refusal> {
    let host = domain.strip_prefix('.').unwrap_or(domain);
    let not_a_domain = || Refusal::NotADomain(shown(domain.as_bytes()));
    let is_v6 = host.contains(':');
    let host = if is_v6 && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() };
    let scheme = if origin.https { "https" } else { "http" };
    let url =
        CanonicalUrl::parse(&format!("{scheme}://{host}:{}/", origin.port)).map_err(|_| not_a_domain())?;
    let only_a_host =
        !host.contains(['/', '\\', '?', '#', '@', '\t']) && (is_v6 == url.host().starts_with('['));
    if only_a_host && is_domain(url.host().as_bytes()) { Ok(url) } else { Err(not_a_domain()) }
}

fn read_flag(field: &str) -> Result<bool, Refusal> {
    match field {
        _ if field.eq_ignore_ascii_case("true") => Ok(true),
        _ if field.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err(Refusal::Malformed("the second and fourth field have to be TRUE or FALSE")),
    }
}

fn read_end(field: &str, now: SystemTime) -> Result<Option<SystemTime>, Refusal> {
    let seconds = field
        .parse()
        .map_err(|_| Refusal::Malformed("the fifth field is no number of seconds since 1970"))?;
    Ok((seconds != 0).then(|| ends_at(seconds, now)))
}

fn read_origin(comment: &str) -> Result<SetAt, Refusal> {
    let comment = comment.trim_end();
    let (place, upward) = comment.strip_suffix(STAYS).map_or((comment, true), |place| (place, false));
    let (scheme, port) = place.split_once(':').unwrap_or_default();
    match (scheme, port.parse()) {
        ("https", Ok(port)) => Ok(SetAt { origin: Origin { https: true, port }, upward: true }),
        ("http", Ok(port)) => Ok(SetAt { origin: Origin { https: false, port }, upward }),
        _ => Err(Refusal::Malformed("an origin is \"http:\" or \"https:\" and a port")),
    }
}

fn flag(is: bool) -> &'static str {
    if is { "TRUE" } else { "FALSE" }
}

/// An end in whole seconds. Never 0, which is the session's end.
fn seconds(end: SystemTime) -> u64 {
    end.duration_since(SystemTime::UNIX_EPOCH).map_or(1, |since| since.as_secs().max(1))
}

/// A host as the form has it: without the brackets that an IPv6 address has in a URL.
fn bare(host: &str) -> &str {
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    if is_address(host) { inner.unwrap_or(host) } else { host }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)
    }

    /// What a file's only cookie has become, written again; or what is wrong with which line.
    fn read_one(text: &str) -> String {
        match read(text, now()) {
            Ok(cookies) => {
                let written = write(&cookies.iter().collect::<Vec<_>>());
                written.strip_prefix(TITLE).unwrap_or_default().trim_matches('\n').to_owned()
            }
            Err(bad) => format!("! {bad}"),
        }
    }

    #[test]
    fn lines() {
        for (line, want) in [
            ("a.example\tFALSE\t/\tFALSE\t0\tn\tv", "a.example\tFALSE\t/\tFALSE\t0\tn\tv"),
            (".a.example\tTRUE\t/p\tTRUE\t1700000009\tn\tv", ".a.example\tTRUE\t/p\tTRUE\t1700000009\tn\tv"),
            // The dot means nothing, the flag does; case does not matter.
            ("A.Example\ttrue\t/\tFalse\t0\tn\tv", ".a.example\tTRUE\t/\tFALSE\t0\tn\tv"),
            (".a.example\tFALSE\t/\tFALSE\t0\tn\tv", "a.example\tFALSE\t/\tFALSE\t0\tn\tv"),
            (
                "#HttpOnly_a.example\tFALSE\t/\tFALSE\t0\tn\tv",
                "#HttpOnly_a.example\tFALSE\t/\tFALSE\t0\tn\tv",
            ),
            ("bücher.example\tFALSE\t/\tFALSE\t0\tn\tv", "xn--bcher-kva.example\tFALSE\t/\tFALSE\t0\tn\tv"),
            ("127.0.0.1\tTRUE\t/\tFALSE\t0\tn\tv", "127.0.0.1\tFALSE\t/\tFALSE\t0\tn\tv"),
            ("::1\tFALSE\t/\tFALSE\t0\tn\tv", "::1\tFALSE\t/\tFALSE\t0\tn\tv"),
            ("[::1]\tFALSE\t/\tFALSE\t0\tn\tv", "::1\tFALSE\t/\tFALSE\t0\tn\tv"),
            // Without a name, without a value, with a value full of signs.
            ("a.example\tFALSE\t/\tFALSE\t0\t\tv", "a.example\tFALSE\t/\tFALSE\t0\t\tv"),
            ("a.example\tFALSE\t/\tFALSE\t0\tn\t", "a.example\tFALSE\t/\tFALSE\t0\tn\t"),
            ("a.example\tFALSE\t/\tFALSE\t0\tn", "a.example\tFALSE\t/\tFALSE\t0\tn\t"),
            ("a.example\tFALSE\t/\tFALSE\t0\tn\t\"a=b c#\"", "a.example\tFALSE\t/\tFALSE\t0\tn\t\"a=b c#\""),
            // Ends: over, at the limit, and past it.
            ("a.example\tFALSE\t/\tFALSE\t1700000000\tn\tv", ""),
            ("a.example\tFALSE\t/\tFALSE\t-5\tn\tv", ""),
            (
                "a.example\tFALSE\t/\tFALSE\t9223372036854775807\tn\tv",
                "a.example\tFALSE\t/\tFALSE\t1734560000\tn\tv",
            ),
            // Comments, blank lines, ends of lines from elsewhere.
            (
                "# comment\n\n  \n#\nb.example\tFALSE\t/\tFALSE\t0\tn\tv\r\n",
                "b.example\tFALSE\t/\tFALSE\t0\tn\tv",
            ),
        ] {
            assert_eq!(read_one(line), want, "{line}");
        }
    }

    #[test]
    fn bad_lines() {
        for (line, want) in [
            (
                "\n\na.example FALSE / FALSE 0 n v",
                "line 3: there are not seven fields with tabs between them",
            ),
            (
                "a.example\tFALSE\t/\tFALSE\t0\tn\tv\tw",
                "line 1: there are not seven fields with tabs between them",
            ),
            (
                "a.example\tYES\t/\tFALSE\t0\tn\tv",
                "line 1: the second and fourth field have to be TRUE or FALSE",
            ),
            (
                "a.example\tFALSE\tp\tFALSE\t0\tn\tv",
                "line 1: the path, third field, does not begin with \"/\"",
            ),
            (
                "a.example\tFALSE\t/\tFALSE\tsoon\tn\tv",
                "line 1: the fifth field is no number of seconds since 1970",
            ),
            (
                "a.example\tFALSE\t/\tFALSE\t0\tn\tv; m=w",
                "line 1: a cookie cannot have a character that this one has",
            ),
            (
                "a.example\tFALSE\t/\tFALSE\t0\tn=m\tv",
                "line 1: a cookie cannot have a character that this one has",
            ),
            ("a.example\tFALSE\t/\tFALSE\t0\tn\tv\x1b", "line 1: there is a control character in the cookie"),
            ("a.example\tFALSE\t/\tFALSE\t0\tn\tv\rw", "line 1: there is a control character in the cookie"),
            ("a.example\tFALSE\t/\tFALSE\t0\t\t", "line 1: the cookie has neither a name nor a value"),
            (
                "a.example\tFALSE\t/\tFALSE\t0\t\tn=v",
                "line 1: the cookie has no name, and its value would be read as a cookie with one",
            ),
            (
                "a.example\tFALSE\t/\tFALSE\t0\t__Host-n\tv",
                "line 1: a cookie named \"__Host-…\" needs Secure, Path=/ and no Domain",
            ),
            (
                ".a.example\tTRUE\t/\tTRUE\t0\t__host-n\tv",
                "line 1: a cookie named \"__Host-…\" needs Secure, Path=/ and no Domain",
            ),
            (
                ".co.UK\tTRUE\t/\tFALSE\t0\tn\tv",
                "line 1: \"co.uk\" is a public suffix: its names belong to different owners",
            ),
            (
                ".github.io\tTRUE\t/\tFALSE\t0\tn\tv",
                "line 1: \"github.io\" is a public suffix: its names belong to different owners",
            ),
            ("\tFALSE\t/\tFALSE\t0\tn\tv", "line 1: \"\" is no host name in its ASCII form"),
            (
                "a..example\tFALSE\t/\tFALSE\t0\tn\tv",
                "line 1: \"a..example\" is no host name in its ASCII form",
            ),
            (
                "a.example/p\tFALSE\t/\tFALSE\t0\tn\tv",
                "line 1: \"a.example/p\" is no host name in its ASCII form",
            ),
            (
                "u@a.example\tFALSE\t/\tFALSE\t0\tn\tv",
                "line 1: \"u@a.example\" is no host name in its ASCII form",
            ),
            (
                "a.example:81\tFALSE\t/\tFALSE\t0\tn\tv",
                "line 1: \"a.example:81\" is no host name in its ASCII form",
            ),
            ("#dragline-origin ftp:21\n", "line 1: an origin is \"http:\" or \"https:\" and a port"),
            (
                "#dragline-origin http:80\na.example\tFALSE\t/\tTRUE\t0\tn\tv",
                "line 2: a Secure cookie cannot be set over plain HTTP",
            ),
        ] {
            assert_eq!(read_one(line), format!("! {want}"), "{line}");
        }
    }

    #[test]
    fn a_comment_gives_the_next_cookie_its_origin() {
        let text = "#dragline-origin https:8443\n\
                    a.example\tFALSE\t/\tFALSE\t0\tn\tv\n\
                    b.example\tFALSE\t/\tFALSE\t0\tn\tv";
        let cookies = read(text, now()).unwrap();
        assert_eq!(cookies[0].origin, Origin { https: true, port: 8443 });
        assert_eq!(cookies[1].origin, Origin::HTTP);
        assert_eq!(read_one(text), text);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(text in "(\\PC|[\\t\\n\\r\\x00-\\x1f#./]|TRUE\\t|0\\t|#HttpOnly_){0,60}") {
            let _ = read(&text, now());
        }
    }
}
