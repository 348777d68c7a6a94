//! What is wrong with a question, or with the way questions are to be asked.

use std::{convert::Infallible, fmt};

use dragline_fetch::SettingsError;
use dragline_model::UrlError;

/// Why something cannot be asked, or asked in the way that was wished. The user is at fault, and the text says
/// what to write instead; a user name or password of a URL is in none of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GatherError {
    /// No URL that can be asked; the text, and why.
    Url(String, UrlError),
    /// No pattern of URLs; the text, the position in it (in characters, from 1), and why.
    Glob(String, usize, &'static str),
    /// A line of a list of URLs: where it is, which (from 1), and what is wrong with it.
    Line(String, u64, Box<GatherError>),
    /// A line of a list is too long, or not text; what it should be.
    Unlike(&'static str),
    /// A list of URLs that cannot be read (to its end); its name, and the system's words.
    Unreadable(String, String),
    /// The source of the questions panicked; its words.
    Source(String),
    /// A value that has no JSON; the reason.
    Json(String),
    /// No rate.
    Rate(String),
    /// No expectation; the term that is none.
    Expect(String),
    /// The settings of requests.
    Settings(SettingsError),
    /// The system gave no thread, or not what one needs; its words.
    Threads(String),
}

impl GatherError {
    /// What was asked, as far as that is known: what stands in an answer in place of its URL.
    pub(crate) fn asked(&self) -> &str {
        match self {
            GatherError::Url(asked, _) | GatherError::Glob(asked, ..) => asked,
            GatherError::Line(_, _, error) => error.asked(),
            GatherError::Unreadable(name, _) => name,
            _ => "",
        }
    }
}

impl fmt::Display for GatherError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GatherError::Url(asked, UrlError::Invalid(why)) if why.contains("without a base") => {
                write!(f, "{asked:?} is no URL: http:// or https:// is missing")
            }
            GatherError::Url(asked, why) => write!(f, "{asked:?} is no URL that can be asked: {why}"),
            GatherError::Glob(asked, at, why) => {
                write!(
                    f,
                    "{asked:?}, position {at}: {why}; write \\[ \\] \\{{ \\}} for the signs themselves, or take URLs literally"
                )
            }
            GatherError::Line(name, line, error) => write!(f, "{name}, line {line}: {error}"),
            GatherError::Unlike(what) => f.write_str(what),
            GatherError::Unreadable(name, why) => write!(f, "{name} cannot be read: {why}"),
            GatherError::Source(why) => write!(f, "the source of the calls panicked: {why}"),
            GatherError::Json(why) => write!(f, "the value has no JSON: {why}"),
            GatherError::Rate(text) => {
                write!(f, "{text:?} is no rate; write 10/s, 100/m, 5000/h or 1/10s")
            }
            GatherError::Expect(term) => write!(
                f,
                "{term:?} is nothing that can be expected; write json, html, xml, a type such as text/csv, or a status: 200, 2xx, 200-299"
            ),
            GatherError::Settings(error) => error.fmt(f),
            GatherError::Threads(why) => write!(f, "no thread to work on: {why}"),
        }
    }
}

impl std::error::Error for GatherError {}

impl From<SettingsError> for GatherError {
    fn from(error: SettingsError) -> Self {
        GatherError::Settings(error)
    }
}

impl From<Infallible> for GatherError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}
