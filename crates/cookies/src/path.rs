//! Which part of a host a cookie is for (bis §5.1.4).
//!
//! Owns the default path and the path-match. Compares bytes as they are: nothing is decoded, so two
//! spellings of one path are two paths, as bis has it.

/// The path of a cookie that names none: the directory of the one that set it, without its last slash.
pub(crate) fn default_path(request_path: &str) -> &str {
    match request_path.rfind('/') {
        None | Some(0) => "/",
        Some(_) if !request_path.starts_with('/') => "/",
        Some(last) => &request_path[..last],
    }
}

/// Does a request for `request_path` carry a cookie for `cookie_path`?
pub(crate) fn path_matches(request_path: &str, cookie_path: &str) -> bool {
    match request_path.strip_prefix(cookie_path) {
        None => false,
        Some(rest) => rest.is_empty() || rest.starts_with('/') || cookie_path.ends_with('/'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults() {
        for (request, want) in [
            ("", "/"),
            ("/", "/"),
            ("/a", "/"),
            ("/a/", "/a"),
            ("/a/b", "/a"),
            ("/a//b", "/a/"),
            ("//", "/"),
            ("a/b/c", "/"),
        ] {
            assert_eq!(default_path(request), want, "{request}");
        }
    }

    #[test]
    fn matches() {
        for (request, cookie, want) in [
            ("/", "/", true),
            ("/a", "/", true),
            ("/a", "/a", true),
            ("/a/", "/a", true),
            ("/a/b", "/a", true),
            ("/a/b", "/a/", true),
            ("/a", "/a/", false),
            ("/ab", "/a", false),
            ("/A", "/a", false),
            ("/%61", "/a", false),
            ("/b/a", "/a", false),
            ("/", "/a", false),
        ] {
            assert_eq!(path_matches(request, cookie), want, "{request} {cookie}");
        }
    }
}
