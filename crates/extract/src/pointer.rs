//! Patterns of places in a JSON document.
//!
//! Owns their spelling (RFC 6901, and a wildcard) and what one segment matches. Never walks a document.

use std::fmt;

/// Pointers that may be given at once: a document is matched against all of them in one word of bits.
pub const POINTERS_MAX: usize = 64;

/// Segments of one pointer. No API nests its links deeper.
pub const POINTER_SEGMENTS_MAX: usize = 64;

/// Places in a JSON document: RFC 6901 pointers, in which a segment `*` stands for any member or element.
///
/// ```
/// use dragline_extract::JsonPointers;
///
/// let pointers = JsonPointers::parse(["/results/*/url", "/next", "/a~1b"])?;
/// assert_eq!(pointers.to_string(), "/results/*/url /next /a~1b");
/// let error = JsonPointers::parse(["results"]).unwrap_err();
/// assert_eq!(error.to_string(), "JSON pointer \"results\" does not begin with a slash; \"/results\" does");
/// # Ok::<(), dragline_extract::PointerError>(())
/// ```
///
/// The empty pointer is the whole document. A member that is itself called `*` cannot be named alone; `-`, which in
/// RFC 6901 is the element that is not there yet, is a name like any other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonPointers(Vec<Vec<Segment>>);

/// Why a text is no pointer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PointerError {
    /// It is neither empty nor begins with a slash.
    NoSlash(String),
    /// There is a `~` in it that is neither `~0` (for `~`) nor `~1` (for `/`).
    Escape(String),
    /// It has more than [`POINTER_SEGMENTS_MAX`] segments.
    TooDeep(String),
    /// There are more than [`POINTERS_MAX`] pointers; so many there are.
    TooMany(usize),
}

impl fmt::Display for PointerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PointerError::NoSlash(text) => {
                write!(
                    f,
                    "JSON pointer {text:?} does not begin with a slash; \"/{}\" does",
                    text.escape_debug()
                )
            }
            PointerError::Escape(text) => {
                write!(f, "JSON pointer {text:?} has a ~ that is neither ~0 (for ~) nor ~1 (for /)")
            }
            PointerError::TooDeep(text) => {
                write!(
                    f,
                    "JSON pointer {text:?} has more than {POINTER_SEGMENTS_MAX} segments; a shorter one leads to \
                           all that is below it"
                )
            }
            PointerError::TooMany(number) => {
                write!(
                    f,
                    "{number} JSON pointers are given, and {POINTERS_MAX} may be; * stands for any one segment"
                )
            }
        }
    }
}

impl std::error::Error for PointerError {}

/// One step of a pointer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Segment {
    /// Any member or element.
    Any,
    /// The member of that name, or the element of that index where it is one.
    Named { name: String, index: Option<u64> },
}

impl JsonPointers {
    /// Reads pointers.
    ///
    /// # Errors
    ///
    /// Where one of them is none, or there are too many.
    pub fn parse<'a>(pointers: impl IntoIterator<Item = &'a str>) -> Result<Self, PointerError> {
        let pointers = pointers.into_iter().map(pointer).collect::<Result<Vec<_>, _>>()?;
        if pointers.len() > POINTERS_MAX {
            return Err(PointerError::TooMany(pointers.len()));
        }
        Ok(Self(pointers))
    }

    /// All of them, one bit each: before the first segment they match everything.
    pub(crate) fn all(&self) -> Matches {
        Matches(u64::MAX.checked_shr(64 - self.0.len() as u32).unwrap_or(0))
    }

    /// Those of `among` whose segment number `at` is the member `name`.
    pub(crate) fn member(&self, among: Matches, at: usize, name: &str) -> Matches {
        self.step(among, at, |segment| match segment {
            Segment::Any => true,
            Segment::Named { name: wanted, .. } => wanted == name,
        })
    }

    /// Those of `among` whose segment number `at` is the element `index`.
    pub(crate) fn element(&self, among: Matches, at: usize, index: u64) -> Matches {
        self.step(among, at, |segment| match segment {
            Segment::Any => true,
            Segment::Named { index: wanted, .. } => *wanted == Some(index),
        })
    }

    /// One of `among` has no more than `segments` segments, and so leads here.
    pub(crate) fn ends(&self, among: Matches, segments: usize) -> bool {
        among.pointers().any(|pointer| self.0[pointer].len() == segments)
    }

    fn step(&self, among: Matches, at: usize, is_matched: impl Fn(&Segment) -> bool) -> Matches {
        let matched = among.pointers().filter(|pointer| self.0[*pointer].get(at).is_some_and(&is_matched));
        Matches(matched.fold(0, |bits, pointer| bits | 1 << pointer))
    }
}

impl fmt::Display for JsonPointers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, pointer) in self.0.iter().enumerate() {
            f.write_str(if number == 0 { "" } else { " " })?;
            for segment in pointer {
                match segment {
                    Segment::Any => f.write_str("/*")?,
                    Segment::Named { name, .. } => {
                        write!(f, "/{}", name.replace('~', "~0").replace('/', "~1"))?
                    }
                }
            }
        }
        Ok(())
    }
}

/// Which pointers lead so far: a bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Matches(u64);

impl Matches {
    pub(crate) fn is_none(self) -> bool {
        self.0 == 0
    }

    fn pointers(self) -> impl Iterator<Item = usize> {
        let mut bits = self.0;
        std::iter::from_fn(move || {
            let lowest = (bits != 0).then(|| bits.trailing_zeros() as usize)?;
            bits &= bits - 1;
            Some(lowest)
        })
    }
}

/// Reads one pointer.
pub(crate) fn pointer(text: &str) -> Result<Vec<Segment>, PointerError> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let inside = text.strip_prefix('/').ok_or_else(|| PointerError::NoSlash(text.to_owned()))?;
    let segments =
        inside.split('/').map(|raw| segment(raw).ok_or_else(|| PointerError::Escape(text.to_owned())));
    let segments = segments.collect::<Result<Vec<_>, _>>()?;
    if segments.len() > POINTER_SEGMENTS_MAX {
        return Err(PointerError::TooDeep(text.to_owned()));
    }
    Ok(segments)
}

fn segment(raw: &str) -> Option<Segment> {
    if raw == "*" {
        return Some(Segment::Any);
    }
    let is_sound = raw.split('~').skip(1).all(|behind| behind.starts_with(['0', '1']));
    // In this order (RFC 6901 §4): `~01` is `~1`.
    let name = is_sound.then(|| raw.replace("~1", "/").replace("~0", "~"))?;
    let is_index = name == "0" || (!name.starts_with('0') && name.bytes().all(|byte| byte.is_ascii_digit()));
    let index = is_index.then(|| name.parse().ok()).flatten();
    Some(Segment::Named { name, index })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a path, its elements written as numbers, leads to what the pointer points at.
    fn matches(pointer: &str, path: &[&str]) -> bool {
        let pointers = JsonPointers::parse([pointer]).unwrap();
        let mut matched = pointers.all();
        for (at, step) in path.iter().enumerate() {
            matched = match step.parse() {
                Ok(index) => pointers.element(matched, at, index),
                Err(_) => pointers.member(matched, at, step),
            };
        }
        pointers.ends(matched, path.len())
    }

    #[test]
    fn pointers_match_as_rfc_6901_has_them() {
        for (pointer, path, want) in [
            ("", &[][..], true),
            ("/a", &["a"], true),
            ("/a", &["b"], false),
            ("/a", &["a", "b"], false),
            ("/a/b", &["a", "b"], true),
            ("/", &[""], true),
            ("/a~1b", &["a/b"], true),
            ("/m~0n", &["m~n"], true),
            ("/~01", &["~1"], true),
            ("/0", &["0"], true),
            ("/00", &["0"], false),
            ("/10", &["10"], true),
            ("/*", &["a"], true),
            ("/*", &["7"], true),
            ("/*/url", &["3", "url"], true),
            ("/-", &["3"], false),
            ("/-", &["-"], true),
            ("/**", &["a"], false),
        ] {
            assert_eq!(matches(pointer, path), want, "{pointer} {path:?}");
        }
    }

    #[test]
    fn what_is_no_pointer() {
        let deep = "/a".repeat(POINTER_SEGMENTS_MAX + 1);
        for (text, want) in [
            ("a", "JSON pointer \"a\" does not begin with a slash; \"/a\" does"),
            ("/~2", "JSON pointer \"/~2\" has a ~ that is neither ~0 (for ~) nor ~1 (for /)"),
            ("/a~", "JSON pointer \"/a~\" has a ~ that is neither ~0 (for ~) nor ~1 (for /)"),
            (&deep, "has more than 64 segments; a shorter one leads to all that is below it"),
        ] {
            let error = JsonPointers::parse([text]).unwrap_err().to_string();
            assert!(error.ends_with(want), "{error}");
        }
        let many = JsonPointers::parse(vec!["/a"; 65]).unwrap_err().to_string();
        assert_eq!(many, "65 JSON pointers are given, and 64 may be; * stands for any one segment");
        assert!(JsonPointers::parse(vec!["/a"; 64]).is_ok_and(|all| all.all() == Matches(u64::MAX)));
        assert_eq!(JsonPointers::parse([]).unwrap().all(), Matches(0));
    }
}
