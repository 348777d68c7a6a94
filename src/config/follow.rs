//! What is looked for in answers, from its settings.
//!
//! Owns the spelling of what is followed.

use dragline_extract::{FollowJson, JsonPointers};

use super::{ConfigError, CrawlConfig};

/// `json` for every URL in a JSON document, `json=POINTER` for those that a pointer leads to. The error is in words.
pub(crate) fn follow_json(values: &[String]) -> Result<FollowJson, String> {
    let mut pointers = Vec::new();
    let mut everywhere = false;
    for value in values {
        match value.split_once('=').unwrap_or((value, "")) {
            ("json", "") => everywhere = true,
            ("json", pointer) => pointers.push(pointer),
            _ => {
                return Err(format!(
                    "{}: json is what can be followed, everywhere (json) or at a pointer (json=/results/*/url)",
                    value.escape_debug()
                ));
            }
        }
    }
    if everywhere {
        return Ok(FollowJson::Everywhere);
    }
    if pointers.is_empty() {
        return Ok(FollowJson::No);
    }
    JsonPointers::parse(pointers).map(FollowJson::Pointers).map_err(|error| format!("json=…: {error}"))
}

impl CrawlConfig {
    /// Where links are looked for. `agent` is whom pages may name in their robots directives.
    pub fn extract(&self, agent: &str) -> Result<dragline_extract::Options, ConfigError> {
        let json = follow_json(&self.follow).map_err(|why| ConfigError::Value {
            source: None,
            key: "crawl.follow".into(),
            why,
        })?;
        Ok(dragline_extract::Options {
            json,
            srcset: self.srcset,
            nofollow: self.nofollow,
            meta_names: vec![agent.to_owned()],
            ..dragline_extract::Options::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_followed() {
        let read =
            |values: &[&str]| follow_json(&values.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>());
        assert_eq!(read(&[]), Ok(FollowJson::No));
        assert_eq!(read(&["json=/a", "json"]), Ok(FollowJson::Everywhere));
        let pointers = JsonPointers::parse(["/next", "/results/*/url"]).unwrap();
        assert_eq!(read(&["json=/next", "json=/results/*/url"]), Ok(FollowJson::Pointers(pointers)));
        assert!(read(&["xml"]).unwrap_err().starts_with("xml: json is what can be followed"));
        assert!(read(&["json=next"]).unwrap_err().contains("does not begin with a slash"));
    }
}
