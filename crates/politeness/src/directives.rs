//! Robots directives of a page: `X-Robots-Tag` in its head, `<meta name="robots">` in its markup.
//!
//! Owns the reading of both, which is one grammar; no RFC has it, and this follows what the large search engines
//! document. Obeys nothing: what `noindex` is to a crawl is for others to say.

use std::time::SystemTime;

use crate::{date, product_token};

/// Longest value that is read, in bytes; a head that is full of directives is no page that is meant.
const VALUE_BYTES_MAX: usize = 8 * 1024;

/// What a page asks for. Several of them together ask for all that each asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Directives {
    /// Not to be shown in an index (`noindex`, `none`).
    pub noindex: bool,
    /// Its links are not to be followed (`nofollow`, `none`).
    pub nofollow: bool,
    /// No copy of it is to be shown (`noarchive`, `nocache`).
    pub noarchive: bool,
    /// No text of it is to be shown with a link (`nosnippet`).
    pub nosnippet: bool,
    /// Its images are not to be indexed (`noimageindex`).
    pub noimageindex: bool,
    /// Not to be shown after this (`unavailable_after`); the earliest, where there are several.
    pub unavailable_after: Option<SystemTime>,
}

impl Directives {
    /// Both: the sum of what they ask for.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            noindex: self.noindex || other.noindex,
            nofollow: self.nofollow || other.nofollow,
            noarchive: self.noarchive || other.noarchive,
            nosnippet: self.nosnippet || other.nosnippet,
            noimageindex: self.noimageindex || other.noimageindex,
            unavailable_after: self.unavailable_after.into_iter().chain(other.unavailable_after).min(),
        }
    }

    /// Is it out of every index by now?
    pub fn is_unavailable(&self, now: SystemTime) -> bool {
        self.unavailable_after.is_some_and(|until| until <= now)
    }

    fn word(&mut self, word: &str) {
        let flags: &mut [&mut bool] = match word.to_ascii_lowercase().as_str() {
            "noindex" => &mut [&mut self.noindex],
            "nofollow" => &mut [&mut self.nofollow],
            "none" => &mut [&mut self.noindex, &mut self.nofollow],
            "noarchive" | "nocache" => &mut [&mut self.noarchive],
            "nosnippet" => &mut [&mut self.nosnippet],
            "noimageindex" => &mut [&mut self.noimageindex],
            _ => return,
        };
        for flag in flags {
            **flag = true;
        }
    }
}

/// What all `X-Robots-Tag` fields of one head ask of an agent (a product token or an identification string).
///
/// A directive may have an agent before it (`googlebot: noindex, nofollow`), who is then meant by the rest of
/// that field, up to the next agent. `now` is for dates of two-digit years.
///
/// ```
/// use std::time::SystemTime;
/// use dragline_politeness::x_robots_tag;
///
/// let fields = ["noarchive", "dragline: nofollow", "otherbot: noindex"];
/// let asked = x_robots_tag(fields, "dragline/0.1", SystemTime::UNIX_EPOCH);
/// assert!(asked.noarchive && asked.nofollow && !asked.noindex);
/// ```
pub fn x_robots_tag<'a>(
    fields: impl IntoIterator<Item = &'a str>,
    agent: &str,
    now: SystemTime,
) -> Directives {
    let token = product_token(agent);
    let each = fields.into_iter().map(|field| read(field, Some(&token), now));
    each.fold(Directives::default(), Directives::and)
}

/// What one `<meta>` element asks of an agent: its `content`, where its `name` is `robots` or the agent's.
pub fn meta_robots(name: &str, content: &str, agent: &str, now: SystemTime) -> Directives {
    let name = name.trim();
    if name.eq_ignore_ascii_case("robots") || name.to_ascii_lowercase() == product_token(agent) {
        read(content, None, now)
    } else {
        Directives::default()
    }
}

/// Reads one value. With a `token`, what stands before a colon is an agent if it is no directive.
fn read(value: &str, token: Option<&str>, now: SystemTime) -> Directives {
    let mut end = value.len().min(VALUE_BYTES_MAX);
    while !value.is_char_boundary(end) {
        end -= 1;
    }
    let mut directives = Directives::default();
    let mut is_meant = true;
    let mut pieces = value[..end].split(',').peekable();
    while let Some(piece) = pieces.next() {
        let mut piece = piece.trim();
        while let Some((name, rest)) = piece.split_once(':') {
            let (name, rest) = (name.trim(), rest.trim());
            if name.eq_ignore_ascii_case("unavailable_after") {
                let read = |text: &str| date::http(text, now).or_else(|| date::iso(text));
                let until = read(rest).or_else(|| {
                    // The comma was the one behind the weekday.
                    let whole = read(&format!("{rest}, {}", pieces.peek()?))?;
                    pieces.next();
                    Some(whole)
                });
                if is_meant && until.is_some() {
                    directives =
                        directives.and(Directives { unavailable_after: until, ..Directives::default() });
                }
                piece = "";
            } else if name.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("max-")) {
                // `max-snippet: 50` and its like limit what an index shows.
                piece = "";
            } else {
                is_meant = token.is_some_and(|token| product_token(name) == token);
                piece = rest;
            }
        }
        if is_meant {
            // Some leave the commas out.
            piece.split_ascii_whitespace().for_each(|word| directives.word(word));
        }
    }
    directives
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn told(asked: Directives) -> String {
        let mut words = Vec::new();
        for (is_set, word) in [
            (asked.noindex, "noindex"),
            (asked.nofollow, "nofollow"),
            (asked.noarchive, "noarchive"),
            (asked.nosnippet, "nosnippet"),
            (asked.noimageindex, "noimageindex"),
        ] {
            if is_set {
                words.push(word.to_owned());
            }
        }
        if let Some(until) = asked.unavailable_after {
            words.push(until.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs().to_string());
        }
        words.join(" ")
    }

    #[test]
    fn fields_of_a_head() {
        for (fields, want) in [
            (&["noindex"][..], "noindex"),
            (&["NoIndex, NOFOLLOW"], "noindex nofollow"),
            (&["none"], "noindex nofollow"),
            (&["all"], ""),
            (&["index, follow"], ""),
            (&["noindex nofollow"], "noindex nofollow"),
            (&["noindex", "nofollow"], "noindex nofollow"),
            (&["noarchive,nosnippet,noimageindex,"], "noarchive nosnippet noimageindex"),
            (&["dragline: noindex, nofollow"], "noindex nofollow"),
            (&["Dragline/2: noindex"], "noindex"),
            (&["otherbot: noindex, nofollow"], ""),
            (&["otherbot: noindex, dragline: nofollow"], "nofollow"),
            (&["noarchive, otherbot: noindex"], "noarchive"),
            (&["otherbot: noindex", "nofollow"], "nofollow"),
            (&["max-snippet: 0, noindex"], "noindex"),
            (&["max-image-preview:none"], ""),
            (&["unavailable_after: 25 Jun 2010 15:00:00 PST"], "1277506800"),
            (&["unavailable_after: Sun, 06 Nov 1994 08:49:37 GMT, noindex"], "noindex 784111777"),
            (&["unavailable_after: Sunday, 06-Nov-94 08:49:37 GMT"], "784111777"),
            (&["unavailable_after: 1994-11-06"], "784080000"),
            (&["unavailable_after: 2010-01-01", "unavailable_after: 1994-11-06"], "784080000"),
            (&["dragline: unavailable_after: 1994-11-06"], "784080000"),
            (&["otherbot: unavailable_after: 1994-11-06"], ""),
            (&["unavailable_after: never, noindex"], "noindex"),
            (&["unavailable_after:"], ""),
            (&["", ",", ":", "::", "a:b:c"], ""),
        ] {
            let asked = x_robots_tag(
                fields.iter().copied(),
                "dragline/0.1 (+x)",
                SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_305_600),
            );
            assert_eq!(told(asked), want, "{fields:?}");
        }
    }

    #[test]
    fn elements_of_a_page() {
        for (name, content, want) in [
            ("robots", "noindex,nofollow", "noindex nofollow"),
            (" ROBOTS ", "None", "noindex nofollow"),
            ("dragline", "nofollow", "nofollow"),
            ("googlebot", "nofollow", ""),
            ("description", "noindex", ""),
            ("robots", "dragline: noindex", ""),
        ] {
            assert_eq!(
                told(meta_robots(name, content, "Dragline/1", SystemTime::UNIX_EPOCH)),
                want,
                "{name} {content}"
            );
        }
    }

    #[test]
    fn a_page_is_unavailable_after_its_time() {
        let until = SystemTime::UNIX_EPOCH + Duration::from_secs(100);
        let asked = Directives { unavailable_after: Some(until), ..Directives::default() };
        assert!(!asked.is_unavailable(until - Duration::from_secs(1)));
        assert!(asked.is_unavailable(until));
        assert!(!Directives::default().is_unavailable(until));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(value in "([a-z:, ]|noindex|unavailable_after|ü){0,40}") {
            x_robots_tag([&*value], "dragline", SystemTime::UNIX_EPOCH);
        }
    }
}
