//! Keeps named fields of an object, each within the bounds of its kind.

use crate::scan::Object;
use crate::value;
use crate::writer::ObjectWriter;

/// Ids and names are refused by the daemon beyond this.
pub const NAME_MAX_BYTES: usize = 256;

/// The longest path that Linux takes.
pub const PATH_MAX_BYTES: usize = 4096;

/// Words of the client's own vocabulary, as `rate_limit`.
pub const WORD_MAX_BYTES: usize = 64;

/// The longest path with every byte written as `\u0000`: nothing longer can be kept, so nothing
/// longer is read.
const VALUE_MAX_BYTES: usize = 6 * PATH_MAX_BYTES + 2;

/// The replacement of an invalid word.
const UNKNOWN: &str = "\"unknown\"";

#[derive(Clone, Copy)]
pub enum Kind {
    Name,
    Path,
    /// What is not a word of `[a-z_]` becomes `unknown`: an error's message stands in the same
    /// field for other events and other clients.
    Word,
    Count,
    Flag,
}

pub type Field = (&'static str, Kind);

/// False when one of the fields is no JSON.
pub fn keep(object: &Object, fields: &[Field], kept: &mut ObjectWriter) -> bool {
    let mut sound = true;
    for &(key, kind) in fields {
        let Some(member) = object.member(key).filter(|member| member.whole) else {
            continue;
        };
        match admit(kind, member.value) {
            Ok(Some(value)) => kept.value(key, value),
            Ok(None) => {}
            Err(NotJson) => sound = false,
        }
    }
    sound
}

struct NotJson;

/// None is a value of another type, or longer than its kind may be.
fn admit(kind: Kind, written: &[u8]) -> Result<Option<&str>, NotJson> {
    if written.len() > VALUE_MAX_BYTES {
        return Ok(matches!(kind, Kind::Word).then_some(UNKNOWN));
    }
    let text = str::from_utf8(written).map_err(|_| NotJson)?;
    let admitted = match kind {
        Kind::Name => string_of(NAME_MAX_BYTES, text)?,
        Kind::Path => string_of(PATH_MAX_BYTES, text)?,
        Kind::Word => is_word(unquoted(written)),
        Kind::Count => value::count(text).is_some(),
        Kind::Flag => matches!(text, "true" | "false"),
    };
    Ok(match kind {
        Kind::Word if !admitted => Some(UNKNOWN),
        _ => admitted.then_some(text),
    })
}

/// Half a name is another name: a name that is too long is dropped, not shortened.
fn string_of(max_bytes: usize, written: &str) -> Result<bool, NotJson> {
    if !written.starts_with('"') {
        return Ok(false);
    }
    let bytes = value::string_bytes(written).ok_or(NotJson)?;
    Ok(bytes <= max_bytes)
}

pub fn unquoted(written: &[u8]) -> &[u8] {
    let inside = written.strip_prefix(b"\"");
    let inside = inside.and_then(|inside| inside.strip_suffix(b"\""));
    inside.unwrap_or_default()
}

fn is_word(text: &[u8]) -> bool {
    (1..=WORD_MAX_BYTES).contains(&text.len())
        && text
            .iter()
            .all(|byte| byte.is_ascii_lowercase() || *byte == b'_')
}
