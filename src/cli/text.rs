//! Figures and texts for people: grouped numbers, sizes, times, and nothing that a terminal would obey.

use std::time::Duration;

use crate::model::Timestamp;

/// `1234567` → `1,234,567`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 host`, `2 hosts`.
pub(super) fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(number))
}

/// `1234567` → `1.2 MB`.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 999.5 && unit < UNITS.len() - 1 {
        value /= 1000.0;
        unit += 1;
    }
    let decimals = usize::from(unit > 0 && value < 99.5);
    format!("{value:.decimals$} {}", UNITS[unit])
}

/// A moment, in UTC: `2026-01-01T00:00:00.000Z`.
pub(super) fn time(at: Timestamp) -> String {
    humantime::format_rfc3339_millis(at.into()).to_string()
}

/// `00:07`, `12:34`, `1:02:03`.
pub(super) fn clock(time: Duration) -> String {
    let secs = time.as_secs();
    let (hours, minutes, secs) = (secs / 3600, secs / 60 % 60, secs % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{secs:02}") } else { format!("{minutes:02}:{secs:02}") }
}

/// `850ms`, `12s 40ms`, `3h 5m`: to the millisecond below a minute, to the second above it.
pub(super) fn span(time: Duration) -> String {
    let unit = if time < Duration::from_secs(60) { 1_000_000 } else { 1_000_000_000 };
    let rounded = time.as_nanos().div_ceil(unit) * unit;
    humantime::format_duration(Duration::from_nanos(u64::try_from(rounded).unwrap_or(u64::MAX))).to_string()
}

/// The text without anything that a terminal would obey (control characters, bidirectional overrides), cut
/// to `width` characters.
pub(super) fn printable(text: &str, width: usize) -> String {
    let is_safe = |c: char| {
        !c.is_control()
            && !matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut out: String =
        text.chars().take(width.saturating_add(1)).map(|c| if is_safe(c) { c } else { '\u{fffd}' }).collect();
    if out.chars().count() > width {
        out = out.chars().take(width.saturating_sub(1)).collect();
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            [0, 999, 1_000, 25_100, 999_999, 460_000_000].map(size),
            ["0 B", "999 B", "1.0 kB", "25.1 kB", "1.0 MB", "460 MB"]
        );
        assert_eq!([0, 1, 2].map(|n| counted(n, "host")), ["0 hosts", "1 host", "2 hosts"]);
        assert_eq!([7, 754, 3723].map(|s| clock(Duration::from_secs(s))), ["00:07", "12:34", "1:02:03"]);
    }

    #[test]
    fn spans_are_as_exact_as_they_need_be() {
        for (nanos, want) in [
            (0, "0s"),
            (1, "1ms"),
            (850_000_000, "850ms"),
            (12_040_000_000, "12s 40ms"),
            (75_000_000_001, "1m 16s"),
        ] {
            assert_eq!(span(Duration::from_nanos(nanos)), want);
        }
    }

    #[test]
    fn a_terminal_is_not_commanded() {
        assert_eq!(printable("a\x1b[31mb\r\u{202e}c", 99), "a\u{fffd}[31mb\u{fffd}\u{fffd}c");
        assert_eq!(printable("abcdef", 4), "abc…");
        assert_eq!(printable("abcd", 4), "abcd");
        assert_eq!(printable("abcd", usize::MAX), "abcd");
    }
}
