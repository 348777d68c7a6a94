//! What is said of the road to a server: name servers, proxies, credentials.
//!
//! Owns their reading. Secrets stand in files or are shown nowhere: not in `Debug`, not in an error, not where a
//! configuration is written out.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use dragline_fetch::{Auth, OriginAuth, Proxy, SettingsError};
use dragline_model::CanonicalUrl;
use serde::{Deserialize, Serialize};

use super::ConfigError;

/// Proxies as they are written: one, or a list. They may have passwords in them, which are shown nowhere.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Proxies(pub Vec<String>);

impl From<Vec<String>> for Proxies {
    fn from(texts: Vec<String>) -> Self {
        Self(texts)
    }
}

impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|text| without_userinfo(text))).finish()
    }
}

impl Serialize for Proxies {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.0.iter().map(|text| without_userinfo(text)))
    }
}

impl<'de> Deserialize<'de> for Proxies {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        // By way of a value: an error of serde's own would repeat the text.
        match serde_json::Value::deserialize(from)? {
            serde_json::Value::String(one) => Some(Self(vec![one])),
            serde_json::Value::Array(list) => {
                let text = |value: serde_json::Value| value.as_str().map(str::to_owned);
                list.into_iter().map(text).collect::<Option<_>>().map(Self)
            }
            _ => None,
        }
        .ok_or_else(|| serde::de::Error::custom("a proxy or a list of them is expected, each a text"))
    }
}

/// A URL without its user name and password.
pub(crate) fn without_userinfo(text: &str) -> String {
    match (text.split_once("://"), text.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://…@{rest}"),
        _ => text.to_owned(),
    }
}

/// Credentials for one origin. Secrets stand in files, so that a configuration can be shown.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthConfig {
    /// `https://api.example`: scheme, host and port; nothing else gets them.
    pub origin: String,
    /// The user's name, for Basic.
    pub user: Option<String>,
    /// A file with the password, for Basic.
    pub password_file: Option<PathBuf>,
    /// A file with a token, for Bearer.
    pub bearer_file: Option<PathBuf>,
}

impl AuthConfig {
    pub(super) fn read(&self) -> Result<OriginAuth, ConfigError> {
        let wrong = |why: &str| ConfigError::value("auth", &self.origin, why);
        let secret = |path: &PathBuf| {
            let text = std::fs::read_to_string(path);
            let text = text.map_err(|error| wrong(&format!("{}: {error}", path.display())))?;
            Ok(text.trim_end_matches(['\r', '\n']).to_owned())
        };
        let auth = match (&self.user, &self.password_file, &self.bearer_file) {
            (Some(user), Some(file), None) => Auth::basic(user, &secret(file)?),
            (None, None, Some(file)) => Auth::bearer(&secret(file)?),
            _ => return Err(wrong("give user and password_file, or bearer_file")),
        };
        let url = CanonicalUrl::parse(&self.origin)
            .map_err(|_| wrong("is no origin; write it as https://api.example"))?;
        Ok(OriginAuth::new(&url, auth))
    }
}

/// `9.9.9.9`, `9.9.9.9:53`, `::1` or `[::1]:53`.
pub(super) fn parse_name_server(text: &str) -> Result<SocketAddr, ConfigError> {
    const DNS_PORT: u16 = 53;
    let alone = || text.parse::<IpAddr>().map(|address| SocketAddr::new(address, DNS_PORT));
    text.parse().or_else(|_| alone()).map_err(|_| {
        ConfigError::value("name_servers", text, "is no address; write 192.0.2.1 or 192.0.2.1:53")
    })
}

/// Proxies as they are given, or of files, one a line.
pub(super) fn read_proxies(texts: &[String]) -> Result<Vec<Proxy>, ConfigError> {
    // The text may have a password in it: the error speaks without it.
    let parse = |text: &str| {
        text.trim().parse().map_err(|error: SettingsError| ConfigError::Value {
            source: None,
            key: "proxy".into(),
            why: error.to_string(),
        })
    };
    let mut proxies = Vec::new();
    for text in texts {
        let Some(path) = text.strip_prefix('@') else {
            proxies.push(parse(text)?);
            continue;
        };
        let listed = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::value("proxy", text, &error.to_string()))?;
        let lines = listed.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        proxies.extend(lines.map(parse).collect::<Result<Vec<_>, _>>()?);
    }
    Ok(proxies)
}
