//! `dragline url` and `dragline links`: what dragline makes of URLs and documents, without a crawl.

use std::io::{self, BufRead, Read, Write};

use serde::Deserialize;
use serde_json::json;

use super::{
    Trouble,
    args::{Args, LinksArgs, UrlArgs},
};
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
    let path = command.file.display().to_string();
    let body = if path == "-" { read_stdin() } else { std::fs::read(&command.file) };
    let body = body.map_err(|error| Trouble::File { path, error })?;
    let document =
        dragline_extract::Document { url: &base, content_type: command.content_type.as_deref(), body: &body };
    let mut out = io::BufWriter::new(io::stdout().lock());
    for link in dragline_extract::all_links(&document, &dragline_extract::Limits::default()) {
        writeln!(out, "{link}")?;
    }
    out.flush()?;
    Ok(0)
}

fn read_stdin() -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    io::stdin().lock().read_to_end(&mut body)?;
    Ok(body)
}
