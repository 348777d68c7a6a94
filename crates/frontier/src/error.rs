//! What is wrong with a rule that somebody wrote.
//!
//! Owns the words. A rule is read once, at the start: past that there is nothing here that can fail.

use std::fmt;

/// A rule that cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleError {
    /// A regular expression that is none, or one too many.
    Pattern {
        /// As it was written.
        pattern: String,
        /// The number of the character where it goes wrong, from 1, and what stands there.
        at: Option<(usize, String)>,
        /// What is wrong.
        why: String,
    },
    /// More patterns than are searched for in each link.
    TooManyPatterns {
        /// How many are.
        max: usize,
    },
    /// A rule for something that is no host, no domain or no URL.
    Reach {
        /// As it was written.
        text: String,
        /// What it should be.
        why: &'static str,
    },
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RuleError::Pattern { pattern, at: Some((character, there)), why } => {
                write!(f, "pattern {pattern}, at character {character}, {there:?}: {why}")
            }
            RuleError::Pattern { pattern, at: None, why } => write!(f, "pattern {pattern}: {why}"),
            RuleError::TooManyPatterns { max } => write!(f, "more than {max} patterns; join them with |"),
            RuleError::Reach { text, why } => write!(f, "\"{}\" {why}", text.escape_debug()),
        }
    }
}

impl std::error::Error for RuleError {}
