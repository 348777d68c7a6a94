//! Questions out of arguments, files and standard input.
//!
//! Owns the reading of URL lists. Reads on as it is asked for more, and holds one line; a line that is wrong is an
//! item that says so, and the next one comes after it.

use std::{
    collections::VecDeque,
    fmt,
    fs::File,
    io::{self, BufRead, BufReader, Read},
    iter::FusedIterator,
};

use crate::{Call, GatherError, Glob};

/// Longest line of a list, in bytes. URLs end at 8 KiB; a pattern with many alternatives may be longer.
const LINE_BYTES_MAX: usize = 64 << 10;

/// The name of standard input in errors.
const STDIN: &str = "standard input";

/// Calls out of a list of arguments: a URL, `@FILE` or `-` (standard input) for a list of URLs, one a line.
///
/// Empty lines and those that begin with `#` are passed over. Each URL is a pattern ([`Glob`]) unless
/// [`literal`](Self::literal) is set. Files are opened when their turn comes.
///
/// ```
/// use dragline_gather::Input;
///
/// let lines = "# two\nhttp://a.example/[1-2]\n\nnonsense\n";
/// let calls: Vec<_> = Input::default().lines("list", lines.as_bytes()).collect();
/// assert_eq!(calls.len(), 3);
/// assert_eq!(calls[1].as_ref().map(|call| call.url()), Ok("http://a.example/2"));
/// assert_eq!(
///     calls[2].as_ref().unwrap_err().to_string(),
///     "list, line 4: \"nonsense\" is no URL: http:// or https:// is missing"
/// );
/// ```
#[derive(Debug, Default)]
pub struct Input {
    literal: bool,
    sources: VecDeque<Source>,
    /// The list that is being read.
    list: Option<List>,
    /// The pattern whose turn it is.
    glob: Option<Glob>,
}

#[derive(Debug)]
enum Source {
    Url(String),
    File(String),
    Stdin,
    Lines(List),
}

impl Input {
    /// The arguments, in their order.
    pub fn new<S: Into<String>>(arguments: impl IntoIterator<Item = S>) -> Self {
        let source = |argument: String| match argument.strip_prefix('@') {
            Some(path) => Source::File(path.to_owned()),
            None if argument == "-" => Source::Stdin,
            None => Source::Url(argument),
        };
        Self { sources: arguments.into_iter().map(|it| source(it.into())).collect(), ..Self::default() }
    }

    /// URLs are taken as they are written: braces and brackets mean themselves.
    #[must_use]
    pub fn literal(mut self, literal: bool) -> Self {
        self.literal = literal;
        self
    }

    /// After all others the lines of `reader`, which errors call `name`.
    #[must_use]
    pub fn lines(mut self, name: impl Into<String>, reader: impl BufRead + Send + 'static) -> Self {
        self.sources.push_back(Source::Lines(List::new(name, Box::new(reader))));
        self
    }

    /// The pattern of a text.
    fn open(&self, text: String) -> Result<Glob, GatherError> {
        if self.literal { Ok(Glob::literal(text)) } else { Glob::parse(&text) }
    }

    /// An error, with the line it is in.
    fn placed(&self, error: GatherError) -> GatherError {
        match &self.list {
            Some(list) => GatherError::Line(list.name.clone(), list.line, Box::new(error)),
            None => error,
        }
    }

    /// The next text that stands for URLs; where none can be had, why.
    fn text(&mut self) -> Option<Result<String, GatherError>> {
        loop {
            if let Some(list) = &mut self.list {
                match list.next() {
                    Some(Ok(line)) => return Some(Ok(line)),
                    Some(Err(error)) => {
                        let placed = self.placed(error);
                        return Some(Err(placed));
                    }
                    None => {
                        let ended = self.list.take()?.error;
                        if let Some(error) = ended {
                            return Some(Err(error));
                        }
                    }
                }
            }
            match self.sources.pop_front()? {
                Source::Url(url) => return Some(Ok(url)),
                Source::Stdin => self.list = Some(List::new(STDIN, Box::new(BufReader::new(io::stdin())))),
                Source::Lines(list) => self.list = Some(list),
                Source::File(path) => match File::open(&path) {
                    Ok(file) => self.list = Some(List::new(path, Box::new(BufReader::new(file)))),
                    Err(error) => return Some(Err(GatherError::Unreadable(path, error.to_string()))),
                },
            }
        }
    }
}

impl Iterator for Input {
    type Item = Result<Call, GatherError>;

    fn next(&mut self) -> Option<Result<Call, GatherError>> {
        loop {
            if let Some(url) = self.glob.as_mut().and_then(Glob::next) {
                return Some(Call::get(&url).map_err(|error| self.placed(error)));
            }
            match self.text()? {
                Ok(text) => match self.open(text) {
                    Ok(glob) => self.glob = Some(glob),
                    Err(error) => return Some(Err(self.placed(error))),
                },
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

impl FusedIterator for Input {}

/// A list of URLs, one a line.
struct List {
    name: String,
    reader: Box<dyn BufRead + Send>,
    /// The line that was read last, from 1.
    line: u64,
    /// Why the rest cannot be read.
    error: Option<GatherError>,
}

impl List {
    fn new(name: impl Into<String>, reader: Box<dyn BufRead + Send>) -> Self {
        Self { name: name.into(), reader, line: 0, error: None }
    }

    /// The next line that is not empty and no comment, without the blanks around it.
    fn next(&mut self) -> Option<Result<String, GatherError>> {
        while self.error.is_none() {
            let mut line = Vec::new();
            let most = LINE_BYTES_MAX as u64 + 1;
            let read = (&mut self.reader).take(most).read_until(b'\n', &mut line);
            let is_long = line.len() > LINE_BYTES_MAX && line.last() != Some(&b'\n');
            let read = read.and_then(|n| if is_long { self.skip_line().map(|()| n) } else { Ok(n) });
            match read {
                Ok(0) => return None,
                Ok(_) => self.line += 1,
                Err(error) => {
                    self.error = Some(GatherError::Unreadable(self.name.clone(), error.to_string()));
                    return None;
                }
            }
            if is_long {
                return Some(Err(GatherError::Unlike("longer than 64 KiB")));
            }
            let line =
                if self.line == 1 { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line) } else { &line };
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            return Some(match std::str::from_utf8(line) {
                Ok(line) => Ok(line.to_owned()),
                Err(_) => Err(GatherError::Unlike("not in UTF-8")),
            });
        }
        None
    }

    /// Reads on to the next line's beginning.
    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let bytes = match self.reader.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            };
            let end = bytes.iter().position(|b| *b == b'\n');
            let (used, is_over) = (end.map_or(bytes.len(), |end| end + 1), end.is_some() || bytes.is_empty());
            self.reader.consume(used);
            if is_over {
                return Ok(());
            }
        }
    }
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("List").field("name", &self.name).field("line", &self.line).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(input: Input) -> Vec<String> {
        input
            .map(|item| item.map_or_else(|error| format!("! {error}"), |call| call.url().to_owned()))
            .collect()
    }

    #[test]
    fn lists_are_read_line_by_line() {
        let list = "\u{feff}http://a/1\r\n\n  # no\n\t http://a/2 \nhttp://a/{3,4}\nhttp://a/{\nhttp://u:secret@\nhttp://a/5";
        assert_eq!(
            told(Input::new(["http://b/[1-2]"]).lines("list", list.as_bytes())),
            [
                "http://b/1",
                "http://b/2",
                "http://a/1",
                "http://a/2",
                "http://a/3",
                "http://a/4",
                "! list, line 6: \"http://a/{\", position 10: a { without its }; write \\[ \\] \\{ \\} for the signs themselves, or take URLs literally",
                "! list, line 7: \"…@\" is no URL that can be asked: empty host",
                "http://a/5",
            ]
        );
    }

    #[test]
    fn literally() {
        assert_eq!(told(Input::new(["http://b/[1-2]?q={x}"]).literal(true)), ["http://b/[1-2]?q={x}"]);
    }

    #[test]
    fn lines_that_are_none() {
        let mut list = b"\xff\xfe\nhttp://a/".to_vec();
        list.extend([b'x'; LINE_BYTES_MAX]);
        list.extend(b"\nhttp://a/1\n");
        list.extend(vec![b'y'; LINE_BYTES_MAX * 3]);
        assert_eq!(
            told(Input::default().lines("list", io::Cursor::new(list))),
            [
                "! list, line 1: not in UTF-8",
                "! list, line 2: longer than 64 KiB",
                "http://a/1",
                "! list, line 4: longer than 64 KiB"
            ]
        );
    }

    #[test]
    fn what_cannot_be_read_does_not_stop_the_rest() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("broken"))
            }
        }
        let half = BufReader::new("http://a/1\nhttp://a/2\n".as_bytes().chain(Broken));
        let told = told(
            Input::new(["@/nonexistent/list"]).lines("half", half).lines("more", "http://a/3".as_bytes()),
        );
        assert_eq!(told[1..], ["http://a/1", "http://a/2", "! half cannot be read: broken", "http://a/3"]);
        assert!(told[0].starts_with("! /nonexistent/list cannot be read: "), "{}", told[0]);
    }

    #[test]
    fn nothing_is_read_before_it_is_asked_for() {
        struct Endless;
        impl Read for Endless {
            fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
                let line = b"http://a/\n";
                to[..line.len()].copy_from_slice(line);
                Ok(line.len())
            }
        }
        let mut input = Input::default().lines("endless", BufReader::new(Endless));
        assert!(input.by_ref().take(1000).all(|call| call.is_ok()));
    }
}
