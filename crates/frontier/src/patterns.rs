//! Patterns of URLs: regular expressions that a URL is searched for.
//!
//! Owns how they are read and what they may cost. A pattern is searched for anywhere in the canonical URL, in
//! time linear in its length whatever the pattern is; `^` and `$` bind it.

use std::{fmt, sync::Arc};

use regex::bytes::{Regex, RegexBuilder};

use crate::RuleError;

/// Bytes that one compiled pattern may take. Room for a thousand alternatives; `(x{1000}){1000}` has none.
const COMPILED_BYTES_MAX: usize = 1 << 20;
/// Bytes that the cache of one pattern's search may take, on each thread that searches.
const CACHE_BYTES_MAX: usize = 1 << 20;
/// Patterns in one list. Each is searched for in each link: a thousand take some 50 µs a link. More of them are
/// better written as one, with `|`.
const PATTERNS_MAX: usize = 1_000;

/// Patterns, in the order they were given. Cloning shares them.
///
/// ```
/// use dragline_frontier::Patterns;
/// let patterns = Patterns::parse(["/private/", r"\.pdf$"])?;
/// assert_eq!(patterns.first_in("http://a.example/x.pdf").map(|p| &**p), Some(r"\.pdf$"));
/// assert!(patterns.first_in("http://a.example/x.pdf?y").is_none());
/// let error = Patterns::parse(["/(draft|old/"]).unwrap_err();
/// assert_eq!(error.to_string(), "pattern /(draft|old/, at character 2, \"(\": unclosed group");
/// # Ok::<(), dragline_frontier::RuleError>(())
/// ```
#[derive(Clone, Default)]
pub struct Patterns(Arc<[(Arc<str>, Regex)]>);

impl Patterns {
    /// Reads patterns, in the syntax of the `regex` crate without Unicode classes: a canonical URL is ASCII.
    pub fn parse<S: AsRef<str>>(texts: impl IntoIterator<Item = S>) -> Result<Self, RuleError> {
        let mut patterns = Vec::new();
        for text in texts {
            if patterns.len() == PATTERNS_MAX {
                return Err(RuleError::TooManyPatterns { max: PATTERNS_MAX });
            }
            patterns.push((text.as_ref().into(), compile(text.as_ref())?));
        }
        Ok(Self(patterns.into()))
    }

    /// There is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first that is found in a URL.
    pub fn first_in(&self, url: &str) -> Option<&Arc<str>> {
        self.0.iter().find(|(_, regex)| regex.is_match(url.as_bytes())).map(|(text, _)| text)
    }
}

impl fmt::Debug for Patterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(text, _)| text)).finish()
    }
}

fn compile(text: &str) -> Result<Regex, RuleError> {
    // Once more by the parser alone: it knows the place of an error, the compiler only draws it.
    if let Err(error) = regex_syntax::ParserBuilder::new().unicode(false).utf8(false).build().parse(text) {
        return Err(syntax_error(text, &error));
    }
    RegexBuilder::new(text)
        .unicode(false)
        .size_limit(COMPILED_BYTES_MAX)
        .dfa_size_limit(CACHE_BYTES_MAX)
        .build()
        .map_err(|error| {
            let why = match error {
                regex::Error::CompiledTooBig(_) => {
                    format!("takes more than {COMPILED_BYTES_MAX} bytes once compiled; repeat less")
                }
                other => other.to_string(),
            };
            RuleError::Pattern { pattern: text.to_owned(), at: None, why }
        })
}

fn syntax_error(text: &str, error: &regex_syntax::Error) -> RuleError {
    let (why, span) = match error {
        regex_syntax::Error::Parse(error) => (error.kind().to_string(), error.span()),
        regex_syntax::Error::Translate(error) => (error.kind().to_string(), error.span()),
        other => return RuleError::Pattern { pattern: text.to_owned(), at: None, why: other.to_string() },
    };
    let character = text.get(..span.start.offset).map_or(0, |before| before.chars().count()) + 1;
    let there = text.get(span.start.offset..span.end.offset).unwrap_or_default().to_owned();
    RuleError::Pattern { pattern: text.to_owned(), at: Some((character, there)), why }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_and_how() {
        for (pattern, want) in [
            ("a(b", "pattern a(b, at character 2, \"(\": unclosed group"),
            (
                "é[z-a]",
                "pattern é[z-a], at character 3, \"z-a\": invalid character class range, the start must be <= the end",
            ),
            ("x**", ""),
            (
                "(?=x)",
                "pattern (?=x), at character 1, \"(?=\": look-around, including look-ahead and look-behind, is not supported",
            ),
            (r"(a)\1", "pattern (a)\\1, at character 4, \"\\\\1\": backreferences are not supported"),
            (
                r"\",
                "pattern \\, at character 1, \"\\\\\": incomplete escape sequence, reached end of pattern prematurely",
            ),
            (
                "(a{1000}){1000}",
                "pattern (a{1000}){1000}: takes more than 1048576 bytes once compiled; repeat less",
            ),
        ] {
            let got = Patterns::parse([pattern]).map(|_| String::new()).unwrap_or_else(|e| e.to_string());
            assert_eq!(got, want, "{pattern}");
        }
    }

    #[test]
    fn too_many_are_refused() {
        assert!(Patterns::parse(vec!["x"; PATTERNS_MAX]).is_ok());
        let error = Patterns::parse(vec!["x"; PATTERNS_MAX + 1]).unwrap_err().to_string();
        assert_eq!(error, "more than 1000 patterns; join them with |");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_pattern_or_an_error_in_words(text in "[ -~é(\\[{*+?|\\\\]{0,24}") {
            match Patterns::parse([&text]) {
                Ok(patterns) => { patterns.first_in("http://a.example/x?y"); }
                Err(error) => assert!(error.to_string().contains(&text)),
            }
        }
    }
}
