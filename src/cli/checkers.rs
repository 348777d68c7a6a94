//! `dragline url` and `dragline links`: what dragline makes of URLs and documents, without a crawl.

use std::io::{self, BufRead, Read, Write};

use dragline_extract::{self as extract, Role};
use serde::Deserialize;
use serde_json::json;

use super::{
    Trouble,
    args::{Args, LinksArgs, UrlArgs},
};
use crate::config::follow_json;
use crate::model::{CanonicalUrl, UrlError};

#[derive(Deserialize)]
struct Question {
    url: String,
    base: Option<String>,
}

pub(super) fn url(command: &UrlArgs, args: &Args) -> Result<u8, Trouble> {
    let normaliser = args.config()?.crawl.normaliser()?;
    let canonical = |text: &str, base: Option<&str>| canonical(text, base).map(|url| normaliser.apply(url));
    let mut out = io::stdout().lock();
    if command.jsonl {
        for (number, line) in io::stdin().lock().lines().enumerate() {
            let line = line.map_err(|error| Trouble::File { path: "standard input".into(), error })?;
            if line.trim().is_empty() {
                continue;
            }
            let question: Question = match serde_json::from_str(&line) {
                Ok(question) => question,
                Err(error) => {
                    let number = number + 1;
                    let error =
                        format!("line {number}: {error}; it looks like {{\"url\":\"…\",\"base\":\"…\"}}");
                    writeln!(out, "{}", json!({ "error": error }))?;
                    continue;
                }
            };
            let base = question.base.or_else(|| command.base.clone());
            let answer = match canonical(&question.url, base.as_deref()) {
                Ok(url) => json!({"url": question.url, "base": base, "canonical": url}),
                Err(error) => json!({"url": question.url, "base": base, "error": error.to_string()}),
            };
            writeln!(out, "{answer}")?;
        }
        return Ok(0);
    }
    let mut code = 0;
    for text in &command.urls {
        match canonical(text, command.base.as_deref()) {
            Ok(url) => writeln!(out, "{url}")?,
            Err(error) => {
                super::screen::say(&format!("{}: {error}", text.escape_debug()));
                code = 2;
            }
        }
    }
    Ok(code)
}

fn canonical(text: &str, base: Option<&str>) -> Result<CanonicalUrl, UrlError> {
    match base {
        Some(base) => CanonicalUrl::parse(base)?.join(text),
        None => CanonicalUrl::parse(text),
    }
}

pub(super) fn links(command: &LinksArgs) -> Result<u8, Trouble> {
    let base = CanonicalUrl::parse(&command.base)
        .map_err(|error| Trouble::Usage(format!("--base {}: {error}", command.base.escape_debug())))?;
    let options = extract::Options {
        srcset: command.srcset,
        nofollow: command.nofollow,
        json: follow_json(&command.follow).map_err(|why| Trouble::Usage(format!("--follow {why}")))?,
        as_sitemap: command.sitemap,
        ..extract::Options::default()
    };
    let path = command.file.display().to_string();
    let body = if path == "-" { read_stdin() } else { std::fs::read(&command.file) };
    let body = body.map_err(|error| Trouble::File { path, error })?;
    let mut found = Vec::new();
    let mut read = |content_type| {
        let document = extract::Document { url: &base, content_type, body: &body };
        let head = extract::Head::default();
        extract::discover(&document, &head, &options, |_| false, |_, url, role| found.push((url, role)))
    };
    let mut discovery = read(command.content_type.as_deref());
    if discovery.kind == extract::Kind::Other && command.content_type.is_none() && !command.sitemap {
        // A file of which nothing is known, and somebody who asks for its links.
        discovery = read(Some("text/html"));
    }
    let is_index = discovery.kind == extract::Kind::SitemapIndex;
    let (links, named): (Vec<_>, Vec<_>) = found.into_iter().partition(|(_, role)| leads_on(*role, is_index));
    let mut out = io::BufWriter::new(io::stdout().lock());
    for (link, _) in links {
        writeln!(out, "{link}")?;
    }
    if command.facts {
        writeln!(out, "{}", facts(&discovery, &named))?;
    }
    out.flush()?;
    if let Some(error) = discovery.error.filter(|_| !command.facts) {
        super::screen::say(&format!("links: {error}"));
    }
    Ok(0)
}

/// The URL is one that the document leads to, and not only names.
fn leads_on(role: Role, is_index: bool) -> bool {
    match role {
        Role::Previous | Role::Feed | Role::Alternate | Role::Canonical => false,
        // A page that names a sitemap does not list what is in it.
        Role::Sitemap(_) => is_index,
        _ => true,
    }
}

/// What a document is and says of itself, in one line.
fn facts(discovery: &extract::Discovery, named: &[(CanonicalUrl, Role)]) -> serde_json::Value {
    let alternates: Vec<_> =
        discovery.alternates.iter().map(|(what, url)| json!({"what": what, "url": url})).collect();
    let metas: Vec<_> =
        discovery.metas.iter().map(|(name, content)| json!({"name": name, "content": content})).collect();
    let named: Vec<_> = named.iter().map(|(url, role)| json!({"role": role.as_str(), "url": url})).collect();
    let refresh = discovery
        .refresh
        .as_ref()
        .map(|refresh| json!({"seconds": refresh.delay.as_secs(), "url": refresh.url}));
    json!({
        "kind": discovery.kind.as_str(),
        "charset": discovery.summary.charset,
        "base": discovery.summary.base,
        "urls": discovery.summary.links,
        "cut": discovery.summary.cut,
        "nofollow": discovery.nofollow,
        "canonical": discovery.canonical,
        "alternates": alternates,
        "metas": metas,
        "refresh": refresh,
        "named": named,
        "error": discovery.error,
    })
}

fn read_stdin() -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    io::stdin().lock().read_to_end(&mut body)?;
    Ok(body)
}
