//! Paths that repeat themselves: `/a/b/a/b/a/b`, the mark of a relative link that lost its way.
//!
//! Owns the look at a path. It is had for every link that is found, so nearly all of them are through after one
//! look over their slashes.

use memchr::memchr_iter;

/// Longest run of segments whose repetition is looked for. A longer one is met by the count of its segments once
/// it stands there a fourth time.
const RUN_SEGMENTS_MAX: usize = 16;
/// How often in a row a run of several segments is too often: `/en/docs/en/docs` is somebody's taste.
const RUNS_MAX: usize = 3;

/// Does one segment of the URL's path stand there more than `max` times, or a run of segments three times in a row?
pub(crate) fn repeats(url: &str, max: u8) -> bool {
    let max = usize::from(max.max(1));
    // A bit for each segment, by its length and its ends: where none is taken twice, nothing repeats itself. What
    // stands between a query's slashes is looked at like a segment; then the longer look decides.
    let bytes = url.as_bytes();
    let (mut taken, mut twice, mut start) = (0u64, false, 0);
    for (n, slash) in memchr_iter(b'/', bytes).chain([bytes.len()]).enumerate() {
        if n > 2 && slash > start {
            let ends = usize::from(bytes[start]) * 3 + usize::from(bytes[slash - 1]);
            let bit = 1 << (((slash - start) * 5 + ends) % 64);
            twice |= taken & bit != 0;
            taken |= bit;
        } else {
            // Segments without anything in them are all alike.
            twice |= n > 2 && slash < bytes.len();
        }
        start = slash + 1;
    }
    twice && path_repeats(url, max)
}

fn path_repeats(url: &str, max: usize) -> bool {
    let path = &url[..url.find('?').unwrap_or(url.len())];
    let segments: Vec<&str> = path.split('/').skip(3).collect();
    // `/a/b/` has two segments, not three.
    let segments = match segments.split_last() {
        Some((&"", before)) => before,
        _ => &segments[..],
    };
    if segments.len() <= max.min(2 * RUNS_MAX - 1) {
        return false;
    }
    let mut sorted = segments.to_vec();
    sorted.sort_unstable();
    sorted.chunk_by(|a, b| a == b).any(|same| same.len() > max)
        || (2..=RUN_SEGMENTS_MAX.min(segments.len() / RUNS_MAX)).any(|run| has_run(segments, run))
}

/// Does a run of so many segments stand there [`RUNS_MAX`] times in a row? Then so many segments less one run each
/// equal the one a run further on.
fn has_run(segments: &[&str], run: usize) -> bool {
    let mut equal = 0;
    segments.iter().zip(&segments[run..]).any(|(a, b)| {
        equal = if a == b { equal + 1 } else { 0 };
        equal >= run * (RUNS_MAX - 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_repeats() {
        for (path, want) in [
            ("/", false),
            ("/a/a/a", false),
            ("/a/a/a/", false),
            ("/a/a/a/a", true),
            ("/a/x/a/y/a/z/a", true),
            ("/a/b/a/b", false),
            ("/a/b/a/b/", false),
            ("/a/b/a/b/a/b", true),
            ("/x/y/a/b/a/b/a/b/z", true),
            ("/a/b/c/a/b/c/a/b/c", true),
            ("/a/b/c/a/b/d/a/b/e", false),
            ("/2024/01/01/01", false),
            ("/org/apache/maven/plugins/maven/maven-core/3.9.1", false),
            ("/1/2/3/4/5/6/7/8/9/10", false),
            ("////", false),
            ("/////", true),
            ("/x?a/a/a/a/a/a/a", false),
            ("/a/b/c/d?x=/a/a/a/a/a/a/a", false),
        ] {
            assert_eq!(repeats(&format!("http://h.example{path}"), 3), want, "{path}");
        }
        assert!(repeats("http://h/a/b/a", 1));
        assert!(!repeats("http://h/a/b/a", 2));
        assert!(repeats("http://h/a/a", 0), "less than once is once");
    }

    /// The rule by its words, at any cost.
    fn by_the_book(segments: &[String], max: usize) -> bool {
        let count = |s: &String| segments.iter().filter(|other| *other == s).count();
        segments.iter().any(|s| count(s) > max)
            || (2..=RUN_SEGMENTS_MAX).any(|run| {
                segments.windows(run * RUNS_MAX).any(|all| all.chunks(run).all(|part| part == &all[..run]))
            })
    }

    proptest::proptest! {
        #[test]
        fn is_the_rule(segments in proptest::collection::vec("[a-e]{1,2}", 0..24), max in 1u8..6) {
            let url = format!("http://h.example/{}", segments.join("/"));
            proptest::prop_assert_eq!(repeats(&url, max), by_the_book(&segments, usize::from(max)), "{}", url);
        }
    }
}
