//! Names of files and folders that are made of what servers say.
//!
//! Owns the safe alphabet. A name that leaves here has no separator in it, is neither `.` nor `..`, and is short.

use xxhash_rust::xxh3::xxh3_64;

/// Bytes of a name at most: file systems take 255, and a suffix comes behind.
const NAME_BYTES_MAX: usize = 180;
/// What readers of such folders take for a value that is not there.
const NULL: &str = "__HIVE_DEFAULT_PARTITION__";

/// The folder of a partition, as Hive spells it: `host=example.org`. What is not a lower-case letter, a digit, `.`, `-`
/// or `_` is percent-encoded, which readers undo; a name that would be too long ends in a hash of all of it.
pub(crate) fn folder(key: &str, value: Option<&str>) -> String {
    let Some(value) = value.filter(|value| !value.is_empty()) else { return format!("{key}={NULL}") };
    let mut name = format!("{key}=");
    let begin = name.len();
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => name.push(char::from(byte)),
            _ => name.push_str(&format!("%{byte:02X}")),
        }
        if name.len() - begin > NAME_BYTES_MAX {
            name.truncate(begin + NAME_BYTES_MAX - 20);
            // Not in the middle of an encoded byte.
            if let Some(at) = name[name.len() - 2..].find('%') {
                name.truncate(name.len() - 2 + at);
            }
            name.push_str(&format!("~{:016x}", xxh3_64(value.as_bytes())));
            break;
        }
    }
    name
}

/// The name of the n-th file of a folder.
pub(crate) fn part(number: u32, extension: &str) -> String {
    format!("part-{number:05}.{extension}")
}

/// The number of a file that [`part`] has named.
pub(crate) fn part_number(name: &str, extension: &str) -> Option<u32> {
    let digits = name.strip_prefix("part-")?.strip_suffix(extension)?.strip_suffix('.')?;
    (digits.len() >= 5 && digits.bytes().all(|it| it.is_ascii_digit())).then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_nowhere() {
        for (value, want) in [
            ("example.org", "host=example.org"),
            ("a:8080", "host=a%3A8080"),
            ("../../etc/passwd", "host=..%2F..%2Fetc%2Fpasswd"),
            ("C:\\x", "host=%43%3A%5Cx"),
            ("a\0b", "host=a%00b"),
            ("", "host=__HIVE_DEFAULT_PARTITION__"),
            ("~", "host=%7E"),
            ("ü", "host=%C3%BC"),
        ] {
            assert_eq!(folder("host", Some(value)), want);
        }
        for long in ["x".repeat(9_000), "ü/".repeat(9_000), format!("{}%", "x".repeat(159))] {
            let (a, b) = (folder("type", Some(&long)), folder("type", Some(&format!("{long}y"))));
            assert!(a.len() < 200 && a.is_ascii() && (long.len() < 200 || a != b), "{a}");
        }
    }

    #[test]
    fn numbers_read_back() {
        for number in [0, 7, 99_999, 100_000] {
            assert_eq!(part_number(&part(number, "warc.gz"), "warc.gz"), Some(number));
        }
        for name in ["part-1.csv", "part-00001.jsonl", "part-+0001.csv", "part-00001.csv.partial", "x"] {
            assert_eq!(part_number(name, "csv"), None, "{name}");
        }
    }
}
