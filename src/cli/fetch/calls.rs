//! From the command line to the calls: URLs, and what goes with each of them.
//!
//! Owns the checks that can be made before anything is asked: a slip in an argument ends the command, one in a
//! list of a million lines is told in its place.

use std::{fs, io::Read};

use dragline_fetch::{Auth, Method, field_objection};

use super::super::{Trouble, args::FetchArgs};
use crate::{
    Call,
    gather::{GatherError, Glob, Input},
};

/// Largest body of a call: it is held in memory, and sent again and again.
const BODY_BYTES_MAX: u64 = 64 << 20;

/// The calls, made as they are asked for.
pub(super) fn of(
    command: &FetchArgs,
    auth: Option<Auth>,
) -> Result<impl Iterator<Item = Result<Call, GatherError>> + Send + 'static, Trouble> {
    if command.urls.is_empty() {
        return Err(Trouble::Usage("no URL: name at least one, @FILE or - for a list".into()));
    }
    command.urls.iter().try_for_each(|argument| check(argument, command.globoff))?;
    let headers = command.headers_given.iter().map(|text| header(text)).collect::<Result<Vec<_>, _>>()?;
    let body = body(command)?;
    let method = match (&command.method, &body) {
        (Some(method), _) => method.parse().map_err(|error| Trouble::Usage(format!("-X: {error}")))?,
        (None, Some(_)) => Method::POST,
        (None, None) => Method::GET,
    };
    let names_type = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let prepare = move |call: Call| {
        let mut call = call.method(method.clone());
        for (name, value) in &headers {
            call = call.header(name, value);
        }
        if let Some(body) = &body {
            call = call.body(body.clone());
            if !names_type {
                call = call.header("Content-Type", "application/x-www-form-urlencoded");
            }
        }
        match &auth {
            Some(auth) => call.auth(auth.clone()),
            None => call,
        }
    };
    let input = Input::new(command.urls.clone()).literal(command.globoff);
    Ok(input.map(move |call| call.map(&prepare)))
}

/// An argument that cannot be what was meant.
fn check(argument: &str, literal: bool) -> Result<(), Trouble> {
    if argument == "-" {
        return Ok(());
    }
    if let Some(path) = argument.strip_prefix('@') {
        let refuse = |why: &dyn std::fmt::Display| Trouble::Usage(format!("@{path}: {why}"));
        // Only looked at: what is no file, such as a pipe, can be opened once.
        let found = fs::metadata(path).map_err(|error| refuse(&error))?;
        return if found.is_dir() {
            Err(refuse(&"is a directory; name a file with one URL a line"))
        } else if found.is_file() {
            fs::File::open(path).map(drop).map_err(|error| refuse(&error))
        } else {
            Ok(())
        };
    }
    let glob = if literal { Ok(Glob::literal(argument)) } else { Glob::parse(argument) };
    let first = glob.and_then(|mut glob| glob.next().map_or(Ok(()), |url| Call::get(&url).map(drop)));
    first.map_err(|error| Trouble::Usage(error.to_string()))
}

/// `Name: value`.
fn header(text: &str) -> Result<(String, String), Trouble> {
    let wrong = |why: &str| Trouble::Usage(format!("-H \"{}\": {why}", text.escape_debug()));
    let (name, value) = text.split_once(':').ok_or_else(|| wrong("write it as 'Name: value'"))?;
    let (name, value) = (name.trim(), value.trim());
    match field_objection(name, value) {
        Some(why) => Err(wrong(why)),
        None => Ok((name.to_owned(), value.to_owned())),
    }
}

/// `-d` joined by `&`, as a form's fields are, or a file as it is.
fn body(command: &FetchArgs) -> Result<Option<Vec<u8>>, Trouble> {
    if let Some(path) = &command.data_file {
        let refuse =
            |why: &dyn std::fmt::Display| Trouble::Usage(format!("--data-file {}: {why}", path.display()));
        let mut body = Vec::new();
        let file = fs::File::open(path).map_err(|error| refuse(&error))?;
        file.take(BODY_BYTES_MAX + 1).read_to_end(&mut body).map_err(|error| refuse(&error))?;
        return if body.len() as u64 > BODY_BYTES_MAX {
            Err(refuse(&format!(
                "is larger than {} MiB, which is sent with every call",
                BODY_BYTES_MAX >> 20
            )))
        } else {
            Ok(Some(body))
        };
    }
    if let Some(text) = command.data.iter().find(|text| text.starts_with('@')) {
        let text = text.escape_debug();
        return Err(Trouble::Usage(format!("-d \"{text}\" is sent as it stands; --data-file reads a file")));
    }
    Ok((!command.data.is_empty()).then(|| command.data.join("&").into_bytes()))
}
