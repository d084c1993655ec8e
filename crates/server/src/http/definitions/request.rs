//! What a client sends to write a definition.

use std::ops::RangeInclusive;

use serde_json::Value;

use crate::http::error::HttpError;
use crate::intake::object;
use agentpulse_core::limits::MAX_NAME_BYTES;
use agentpulse_definitions::{Edit, MAX_FILE_BYTES, MAX_FRONTMATTER_BYTES};
use agentpulse_registry::{Change, Home, New};
use agentpulse_sources::json::{Object, reason, scalar, tree};

/// A prompt may be escaped.
pub const MAX_BODY_BYTES: usize = 2 * MAX_FILE_BYTES;

const NAME_CHARS: RangeInclusive<usize> = 1..=64;
/// Fields of the request, which are none of the frontmatter.
const OWN: [&str; 4] = ["prompt", "scope", "project", "allow_commands"];
/// What stays as long as there is the definition.
const LASTING: [&str; 3] = ["name", "scope", "project"];

/// # Errors
/// A field is missing, or out of its bounds.
pub fn new(body: &[u8]) -> Result<New, HttpError> {
    let object = object(body).map_err(HttpError::invalid_body)?;
    let name = text(&object, "name", 0..=MAX_NAME_BYTES)?.unwrap_or_default();
    let is_plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    if !NAME_CHARS.contains(&name.len()) || !name.bytes().all(is_plain) {
        return wrong("name must be 1..=64 of a-z, 0-9 and \"-\"");
    }
    let description = text(&object, "description", 1..=MAX_FRONTMATTER_BYTES)?;
    let Some(description) = description else {
        return wrong("description must be a text");
    };
    if !object.has("prompt") {
        return wrong("prompt must be a text");
    }
    let mut change = rest(&object)?;
    // A new one has nothing that could be taken out.
    change.edit.fields.retain(|(_, value)| !value.is_null());
    let first = [("name", name.clone()), ("description", description)];
    let first = first.map(|(key, text)| (key.to_owned(), Value::from(text)));
    change.edit.fields.splice(0..0, first);
    Ok(New {
        home: home(&object)?,
        name,
        change,
    })
}

/// # Errors
/// A field is not to be changed, or out of its bounds.
pub fn change(body: &[u8]) -> Result<Change, HttpError> {
    let object = object(body).map_err(HttpError::invalid_body)?;
    if LASTING.iter().any(|name| object.has(name)) {
        return wrong("name, scope and project must be absent: they do not change");
    }
    let description = text(&object, "description", 1..=MAX_FRONTMATTER_BYTES)?;
    if object.has("description") && description.is_none() {
        return wrong("description must be a text");
    }
    let mut change = rest(&object)?;
    let description = description.map(|text| ("description".to_owned(), Value::from(text)));
    change.edit.fields.splice(0..0, description);
    Ok(change)
}

fn home(object: &Object) -> Result<Home, HttpError> {
    let project = text(object, "project", 1..=MAX_NAME_BYTES)?;
    match (object.string("scope").as_deref(), project) {
        (Some("user"), None) => Ok(Home::User),
        (Some("library"), None) => Ok(Home::Library),
        (Some("user" | "library"), Some(_)) => {
            wrong("project must be absent where scope is not project")
        }
        (Some("project"), Some(project)) => Ok(Home::Project(project)),
        (Some("project"), None) => wrong("project must be there where scope is project"),
        _ => wrong("scope must be user, project or library"),
    }
}

/// The prompt, and all fields of the frontmatter but the name and the description.
fn rest(object: &Object) -> Result<Change, HttpError> {
    let prompt = text(object, "prompt", 0..=MAX_FILE_BYTES)?;
    let mut fields = Vec::new();
    let mut bytes = 0;
    for (name, value) in object.iter() {
        if OWN.contains(&name) || ["name", "description"].contains(&name) {
            continue;
        }
        if !NAME_CHARS.contains(&name.len()) {
            return wrong("the name of a field must be 1..=64 bytes");
        }
        bytes += name.len() + value.get().len();
        if bytes > MAX_FRONTMATTER_BYTES {
            let message = format!("the fields must be at most {MAX_FRONTMATTER_BYTES} bytes");
            return Err(HttpError::invalid_body(message));
        }
        let value = tree(value.get());
        let value = value.map_err(|error| HttpError::invalid_body(reason(&error)))?;
        fields.push((name.to_owned(), value));
    }
    let allows_commands = match object.get("allow_commands").and_then(scalar) {
        Some(Value::Bool(allows)) => allows,
        None if object.get("allow_commands").is_none() => false,
        _ => return wrong("allow_commands must be true or false"),
    };
    Ok(Change {
        edit: Edit { fields, prompt },
        allows_commands,
    })
}

/// Null is as good as absent.
fn text(
    object: &Object,
    name: &str,
    bytes: RangeInclusive<usize>,
) -> Result<Option<String>, HttpError> {
    if object.get(name).is_none() {
        return Ok(None);
    }
    let text = object
        .string(name)
        .filter(|text| bytes.contains(&text.len()));
    let (least, most) = bytes.into_inner();
    let wrong =
        || HttpError::invalid_body(format!("{name} must be a text of {least}..={most} bytes"));
    text.map(Some).ok_or_else(wrong)
}

fn wrong<T>(message: &'static str) -> Result<T, HttpError> {
    Err(HttpError::invalid_body(message))
}
