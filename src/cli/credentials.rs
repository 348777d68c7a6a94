//! `--auth`: whom to tell who is asking, and how.

use std::fs;

use dragline_fetch::{Auth, OriginAuth, SettingsError};

use super::Trouble;

/// What all `--auth` gave.
#[derive(Debug, Default)]
pub(super) struct Credentials {
    /// For the origins that are named.
    pub(super) for_origins: Vec<OriginAuth>,
    /// For the origin of each URL that the command names.
    pub(super) for_all: Option<Auth>,
}

/// Reads `[ORIGIN=]USER:PASSWORD`, `[ORIGIN=]bearer TOKEN`, or `@FILE` with either in it. An error never repeats
/// what may be a secret.
pub(super) fn read(texts: &[String]) -> Result<Credentials, Trouble> {
    let mut credentials = Credentials::default();
    for text in texts {
        let wrong = |error: SettingsError| Trouble::Usage(format!("--auth: {error}"));
        let text = match text.strip_prefix('@') {
            Some(path) => fs::read_to_string(path)
                .map_err(|error| Trouble::Usage(format!("--auth @{path}: {error}")))?,
            None => text.clone(),
        };
        let text = text.trim();
        if text.contains("://") {
            credentials.for_origins.push(text.parse().map_err(wrong)?);
        } else {
            credentials.for_all = Some(text.parse().map_err(wrong)?);
        }
    }
    Ok(credentials)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let given = ["https://a.test=u:p", "http://b.test:81=bearer t", "v:w"].map(str::to_owned);
        let read = read(&given).unwrap();
        assert_eq!(read.for_origins.len(), 2);
        assert_eq!(read.for_all, Some(Auth::basic("v", "w")));
        let error = super::read(&["secret".to_owned()]).unwrap_err().to_string();
        assert!(error.starts_with("--auth: ") && !error.contains("secret"), "{error}");
    }
}
