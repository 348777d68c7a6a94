//! Layers of configuration, and who said what.
//!
//! Owns the order of the sources and the search for unknown keys. Reading and merging is the `config`
//! crate's; its habit of turning `1.9` into `2` is avoided by going through a JSON value.

use std::path::Path;

use serde_json::{Map, Value};

use super::{Config, ConfigError};

/// Sources, the later over the earlier.
#[derive(Debug, Default)]
pub struct Layers {
    sources: Vec<(String, Value)>,
}

impl Layers {
    /// Nothing but the defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a TOML file.
    pub fn file(&mut self, path: &Path) -> Result<&mut Self, ConfigError> {
        let source = config::File::from(path).format(config::FileFormat::Toml);
        self.add(path.display().to_string(), source)
    }

    /// Adds the environment: `DRAGLINE__` before the key, `__` for each dot, a comma between the elements of
    /// a list.
    pub fn environment(&mut self) -> Result<&mut Self, ConfigError> {
        let source = config::Environment::with_prefix("DRAGLINE")
            .prefix_separator("__")
            .separator("__")
            .try_parsing(true)
            .list_separator(",")
            .with_list_parse_key("allow_net")
            .with_list_parse_key("crawl.drop_params")
            .with_list_parse_key("insecure")
            .with_list_parse_key("name_servers")
            .with_list_parse_key("proxy")
            .with_list_parse_key("resolve");
        self.add("the environment (DRAGLINE__…)".into(), source)
    }

    /// Adds one key (with dots) from the command line.
    pub fn set(&mut self, origin: &str, key: &str, value: Value) -> &mut Self {
        let nested = key
            .rsplit('.')
            .fold(value, |inner, part| Value::Object(Map::from_iter([(part.to_owned(), inner)])));
        self.sources.push((origin.to_owned(), nested));
        self
    }

    /// Adds a `key=value` as somebody wrote it; the value is read as TOML, else as a text.
    pub fn set_text(&mut self, pair: &str) -> Result<&mut Self, ConfigError> {
        let Some((key, text)) = pair.split_once('=') else {
            let why = "is not of the form key=value, as in --set crawl.delay=2s".into();
            return Err(ConfigError::Source { source: format!("--set {pair}"), why });
        };
        // The value may have a secret in it.
        let origin = format!("--set {}", key.trim());
        let value = toml_value(text).unwrap_or_else(|| Value::String(text.to_owned()));
        Ok(self.set(&origin, key.trim(), value))
    }

    fn add<S>(&mut self, name: String, source: S) -> Result<&mut Self, ConfigError>
    where
        S: config::Source + Send + Sync + 'static,
    {
        let read = config::Config::builder()
            .add_source(source)
            .build()
            .and_then(config::Config::try_deserialize::<Value>);
        match read {
            Ok(value) => self.sources.push((name, value)),
            Err(error) => return Err(ConfigError::Source { source: name, why: error.to_string() }),
        }
        Ok(self)
    }

    /// Lays them over the defaults, checks every key and every value.
    pub fn build(&self) -> Result<Config, ConfigError> {
        let source_error = |error: serde_json::Error| ConfigError::Source {
            source: "the defaults".into(),
            why: error.to_string(),
        };
        let mut merged = serde_json::to_value(Config::default()).map_err(source_error)?;
        let mut known = Vec::new();
        flatten(&merged, String::new(), &mut known);
        for (source, value) in &self.sources {
            let mut keys = Vec::new();
            flatten(value, String::new(), &mut keys);
            if let Some(key) = keys.into_iter().find(|key| !is_known(key, &known)) {
                let nearest = nearest(&key, &known);
                return Err(ConfigError::UnknownKey { source: source.clone(), key, nearest });
            }
            merge(&mut merged, value);
        }
        let config: Config = serde_path_to_error::deserialize(merged).map_err(|error| {
            let key = error.path().to_string();
            ConfigError::Value { source: self.last_source_of(&key), key, why: error.inner().to_string() }
        })?;
        config.check().map_err(|error| self.with_source(error))?;
        Ok(config)
    }

    fn with_source(&self, error: ConfigError) -> ConfigError {
        match error {
            ConfigError::Value { source: None, key, why } => {
                ConfigError::Value { source: self.last_source_of(&key), key, why }
            }
            other => other,
        }
    }

    fn last_source_of(&self, key: &str) -> Option<String> {
        let pointer = format!("/{}", key.split(['.', '[']).collect::<Vec<_>>().join("/"));
        let top = pointer.split('/').nth(1).map(|top| format!("/{top}"))?;
        let says =
            |wanted: &str| self.sources.iter().rev().find(|(_, value)| value.pointer(wanted).is_some());
        says(&pointer).or_else(|| says(&top)).map(|(source, _)| source.clone())
    }
}

fn toml_value(text: &str) -> Option<Value> {
    let source = config::File::from_str(&format!("value = {text}"), config::FileFormat::Toml);
    let table = config::Config::builder().add_source(source).build().ok()?.try_deserialize::<Value>().ok()?;
    table.get("value").cloned()
}

/// Tables merge, everything else is replaced.
fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}

/// The dotted keys of all leaves.
fn flatten(value: &Value, prefix: String, keys: &mut Vec<String>) {
    match value {
        Value::Object(table) => {
            for (key, value) in table {
                let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                flatten(value, name, keys);
            }
        }
        _ => keys.push(prefix),
    }
}

fn is_known(key: &str, known: &[String]) -> bool {
    // A table given as a value (`crawl = 5`) is a wrong value, which is said with more words later.
    known.iter().any(|k| k == key || k.strip_prefix(key).is_some_and(|rest| rest.starts_with('.')))
}

/// The known key with the smallest edit distance, if it is small enough to be a slip.
fn nearest(key: &str, known: &[String]) -> Option<String> {
    let last = |k: &str| k.rsplit('.').next().unwrap_or_default().to_owned();
    known
        .iter()
        .map(|k| (distance(key, k).min(distance(&last(key), &last(k)) + 1), k))
        .min()
        .filter(|(distance, k)| *distance <= k.len().max(6) / 3)
        .map(|(_, k)| k.clone())
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.chars().enumerate() {
            let substitute = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substitute.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.chars().count()]
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::config::Span;

    pub(in crate::config) fn from_toml(text: &str) -> Result<Config, String> {
        let mut layers = Layers::new();
        let source = config::File::from_str(text, config::FileFormat::Toml);
        layers.add("test.toml".into(), source).map_err(|e| e.to_string())?;
        layers.build().map_err(|e| e.to_string())
    }

    #[test]
    fn later_layers_win() {
        let mut layers = Layers::new();
        layers.set("a", "crawl.delay", "5s".into()).set("a", "crawl.per_host", 3.into());
        layers.set("b", "crawl.delay", "2s".into());
        layers.set_text("user_agent=me").unwrap().set_text("allow_net=['10.0.0.0/8']").unwrap();
        let config = layers.build().unwrap();
        assert_eq!(config.crawl.delay, Span::from_secs(2));
        assert_eq!(config.crawl.per_host, 3);
        assert_eq!(config.user_agent, "me");
        assert_eq!(config.allow_net, ["10.0.0.0/8"]);
    }

    #[test]
    fn what_is_refused_and_how() {
        for (toml, want) in [
            (
                "[crawl]\ndelai = '2s'",
                r#"unknown configuration key "crawl.delai" in test.toml; did you mean "crawl.delay"?"#,
            ),
            (
                "per_host = 2",
                r#"unknown configuration key "per_host" in test.toml; did you mean "crawl.per_host"?"#,
            ),
            ("xyzzy = 1", r#"unknown configuration key "xyzzy" in test.toml"#),
            (
                "[crawl]\nper_host = 1.9",
                "configuration key crawl.per_host in test.toml: invalid type: floating point `1.9`, expected usize",
            ),
            (
                "[crawl]\nper_host = 0",
                r#"configuration key crawl.per_host in test.toml: "0": must be at least 1"#,
            ),
            (
                "[crawl]\ndelay = 2",
                "configuration key crawl.delay in test.toml: invalid type: integer `2`, expected a string",
            ),
            (
                "[crawl]\ndelay = '2'",
                r#"configuration key crawl.delay in test.toml: "2" is no length of time; write it with its unit, as in 500ms, 2s or 1m"#,
            ),
            (
                "[crawl]\nscope = 'hosts'",
                "configuration key crawl.scope in test.toml: unknown variant `hosts`, expected one of `host`, `domain`, `prefix`, `any`",
            ),
            (
                "crawl = 5",
                "configuration key crawl in test.toml: invalid type: integer `5`, expected struct CrawlConfig",
            ),
        ] {
            assert_eq!(from_toml(toml).map(|_| ()).unwrap_err(), want, "{toml}");
        }
        assert!(from_toml("[crawl").unwrap_err().starts_with("configuration from test.toml: "));
        assert!(from_toml("allow_net = ['10.0.0.0/99']").unwrap_err().contains("allow_net in test.toml"));
        assert!(from_toml("user_agent = \"a\\r\\nX: y\"").unwrap_err().contains("printable ASCII"));
    }
}
