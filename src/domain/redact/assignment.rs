//! Values assigned to a telling name: `password=…`, `"api_key": "…"`, `token: …`.

use super::credential::authorization_at;
use super::trigger::Trigger;
use super::{MARK, Secret, ends_with_word, has_digit, is_blank, run};

/// Shorter values are words, counts or states more often than secrets.
const MIN_VALUE_BYTES: usize = 8;
/// A value without a digit is a word unless it is longer than words are.
const MIN_VALUE_BYTES_WITHOUT_DIGIT: usize = 16;
/// A path or an address is shorter; what is longer is not looked at for what else it is.
const MAX_REFERENCE_BYTES: usize = 256;
/// A longer quotation is read as if its quote were missing.
const MAX_QUOTED_BYTES: usize = 1024;
const MAX_TYPE_BYTES: usize = 32;
/// A quote, escaped once or twice, a bracket and the blanks that align signs.
const MAX_CLOSING_BYTES: usize = 16;

/// What a name ends with, and the kind of its values.
const NAMES: &[(&str, Kind)] = &[
    ("key", Kind::Key),
    ("token", Kind::Token),
    ("secret", Kind::Secret),
    ("password", Kind::Password),
    ("passwd", Kind::Password),
    ("passphrase", Kind::Password),
    ("pwd", Kind::Password),
    ("pass", Kind::Password),
];

/// What makes a key one that opens something, as against a key that sorts or finds.
const KEY_QUALIFIERS: &[&str] = &[
    "api",
    "access",
    "secret",
    "private",
    "auth",
    "account",
    "signing",
    "encryption",
    "master",
    "service",
    "subscription",
    "app",
    "ssh",
    "deploy",
    "storage",
    "shared",
    "consumer",
    "hmac",
    "session",
];

/// Values that say there is none, and code that reads it from elsewhere.
const REFERENCES: &[&str] = &[
    "undefined",
    "required",
    "optional",
    "disabled",
    "redacted",
    "process.env",
    "os.environ",
    "import.meta",
    "env.",
];

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Key,
    Token,
    Secret,
    Password,
}

impl Kind {
    /// The kind of value a name has, from its end.
    pub(super) fn of(name: &[u8]) -> Option<Self> {
        let (end, kind) = NAMES.iter().find(|(end, _)| ends_with_word(name, end))?;
        let before = &name[..name.len() - end.len()];
        let is_known = match *end {
            "key" => is_qualified(before),
            // "PASS: …" is the result of a test.
            "pass" => matches!(before.last(), Some(b'_' | b'-' | b'?' | b'&')),
            _ => true,
        };
        is_known.then_some(*kind)
    }

    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Key => "api-key",
            Self::Token => "token",
            Self::Secret => "secret",
            Self::Password => "password",
        }
    }
}

pub(super) fn triggers() -> Vec<Trigger> {
    // The last letters of the names and of "authorization", and what may follow a name.
    let first = b"yntdesYNTDES\"'`] \t".to_vec();
    vec![Trigger {
        first,
        second: vec![b':', b'='],
        find: Box::new(secret_at),
    }]
}

/// The value assigned by the sign at `sign`.
fn secret_at(text: &[u8], sign: usize) -> Option<Secret> {
    let name = &text[..name_end(text, sign)];
    let Some(kind) = Kind::of(name) else {
        return authorization_at(text, name, sign);
    };
    let opening = value_start(text, sign)?;
    let (end, is_secret) = match quoted_end(text, &opening) {
        Some(end) => (end, is_secret_quoted(&text[opening.at..end], kind)),
        None => {
            let end = bare_end(text, opening.at);
            let is_call = text.get(end) == Some(&b'(');
            let value = &text[opening.at..end];
            (
                end,
                !is_call && is_secret_bare(value, kind, opening.is_tight),
            )
        }
    };
    is_secret.then_some(Secret {
        start: opening.at,
        end,
        kind: kind.text(),
    })
}

/// The end of the name before a sign: before blanks and what closes a quotation.
fn name_end(text: &[u8], sign: usize) -> usize {
    let window = &text[sign.saturating_sub(MAX_CLOSING_BYTES)..sign];
    let is_closing = |byte: u8| is_blank(byte) || is_quote(byte) || matches!(byte, b'\\' | b']');
    sign - window
        .iter()
        .rev()
        .take_while(|byte| is_closing(**byte))
        .count()
}

/// Where a value starts, and how it was introduced.
pub(super) struct Opening {
    pub(super) at: usize,
    /// Right after `=`, as in settings and addresses; code and prose leave a blank.
    is_tight: bool,
    quote: Option<u8>,
    is_escaped: bool,
}

/// The start of what is assigned by the sign at `sign`, which is `=`, `:`, `:=`, `=>` or `==`:
/// past blanks and an opening quote.
pub(super) fn value_start(text: &[u8], sign: usize) -> Option<Opening> {
    let after = sign + run(text, sign, |byte| matches!(byte, b'=' | b':' | b'>'));
    match &text[sign..after] {
        b":" => {
            let typed = end_of_type(text, after);
            Some(typed.unwrap_or_else(|| opening(text, after, false)))
        }
        b"=" | b":=" | b"=>" | b"==" | b"===" => {
            Some(opening(text, after, sign > 0 && !is_blank(text[sign - 1])))
        }
        _ => None,
    }
}

fn opening(text: &[u8], after_sign: usize, is_close: bool) -> Opening {
    let start = after_sign + run(text, after_sign, is_blank);
    let escapes = run(text, start, |byte| byte == b'\\');
    let quote = text
        .get(start + escapes)
        .copied()
        .filter(|byte| is_quote(*byte));
    Opening {
        at: if quote.is_some() {
            start + escapes + 1
        } else {
            start
        },
        is_tight: is_close && start == after_sign,
        quote,
        is_escaped: escapes > 0,
    }
}

/// Past the type and the sign of `name: type = value`.
fn end_of_type(text: &[u8], after_colon: usize) -> Option<Opening> {
    let window = &text[..text.len().min(after_colon + MAX_TYPE_BYTES)];
    let start = after_colon + run(window, after_colon, is_blank);
    let end = start
        + run(window, start, |byte| {
            byte.is_ascii_alphabetic() || byte == b'&'
        });
    let sign = end + run(window, end, is_blank);
    let is_typed = end > start && window[sign..].starts_with(b"= ");
    is_typed.then(|| opening(text, sign + 1, false))
}

/// The closing quote, if the value has both.
fn quoted_end(text: &[u8], opening: &Opening) -> Option<usize> {
    let quote = opening.quote?;
    let window = &text[..text.len().min(opening.at + MAX_QUOTED_BYTES)];
    let mut is_literal = false;
    for (index, byte) in window.iter().enumerate().skip(opening.at) {
        match byte {
            b'\n' => return None,
            b'\\' if opening.is_escaped => return Some(index),
            b'\\' => is_literal = !is_literal,
            _ if *byte == quote && !is_literal => return Some(index),
            _ => is_literal = false,
        }
    }
    None
}

/// The end of a value without quotes, before what ends a clause or a list.
fn bare_end(text: &[u8], start: usize) -> usize {
    let end = start + run(text, start, is_bare);
    let value = &text[start..end];
    let last = value.iter().rposition(|byte| !matches!(byte, b',' | b'.'));
    last.map_or(start, |last| start + last + 1)
}

fn is_secret_quoted(value: &[u8], kind: Kind) -> bool {
    if value.len() < MIN_VALUE_BYTES || value.starts_with(MARK.as_bytes()) {
        return false;
    }
    if value.len() > MAX_REFERENCE_BYTES {
        return true;
    }
    let has_blank = value.iter().any(|byte| is_blank(*byte));
    let is_template = value.starts_with(b"<") || value.contains(&b'{');
    !(is_template || is_reference(value, kind) || has_blank && kind != Kind::Password)
}

fn is_secret_bare(value: &[u8], kind: Kind, is_tight: bool) -> bool {
    if value.len() < MIN_VALUE_BYTES {
        return false;
    }
    if value.len() > MAX_REFERENCE_BYTES {
        return true;
    }
    if is_reference(value, kind) {
        return false;
    }
    // Names of variables and words of prose are of letters, dots and dashes.
    let is_name = value
        .iter()
        .all(|byte| byte.is_ascii_alphabetic() || is_joint(*byte));
    if !is_name {
        return true;
    }
    if is_tight {
        return !NAMES
            .iter()
            .any(|(name, ..)| contains_ignoring_case(value, name));
    }
    let is_single_case =
        value.iter().all(u8::is_ascii_lowercase) || value.iter().all(u8::is_ascii_uppercase);
    is_single_case && value.len() >= MIN_VALUE_BYTES_WITHOUT_DIGIT
}

/// Whether a value only says where the secret is, that there is none, or how much.
fn is_reference(value: &[u8], kind: Kind) -> bool {
    let is_mask = value.iter().all(|byte| *byte == value[0]) && !value[0].is_ascii_digit();
    let is_count = kind == Kind::Token
        && value
            .iter()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b',' | b'.' | b'_'));
    is_mask
        || is_count
        || is_variable(value)
        || is_path(value, kind)
        || value.windows(3).any(|bytes| bytes == b"://")
        || REFERENCES.iter().any(|word| {
            value
                .get(..word.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
        })
}

/// `$NAME`, `$name` or `%NAME%`.
pub(super) fn is_variable(value: &[u8]) -> bool {
    let name = match value {
        [b'$', name @ ..] | [b'%', name @ .., b'%'] => name,
        _ => return false,
    };
    name.iter()
        .all(|byte| byte.is_ascii_alphabetic() || *byte == b'_')
        || name
            .iter()
            .all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_'))
}

/// A path from a root: `PWD` is the working directory, and a random value with slashes in it
/// has long parts.
fn is_path(value: &[u8], kind: Kind) -> bool {
    let roots: [&[u8]; 4] = [b"/", b"./", b"../", b"~/"];
    let has_short_parts = || {
        let mut parts = value.split(|byte| !byte.is_ascii_alphanumeric());
        parts.all(|part| part.len() < 20 || !has_digit(part))
            && !value.iter().any(|byte| matches!(byte, b'+' | b'='))
    };
    roots.iter().any(|root| value.starts_with(root))
        && value[1..].contains(&b'/')
        && (kind == Kind::Password || has_short_parts())
}

fn is_qualified(before: &[u8]) -> bool {
    let before = match before {
        [head @ .., b'_' | b'-' | b' ' | b'.'] => head,
        _ => before,
    };
    KEY_QUALIFIERS
        .iter()
        .any(|word| ends_with_word(before, word))
}

fn contains_ignoring_case(value: &[u8], word: &str) -> bool {
    value
        .windows(word.len())
        .any(|bytes| bytes.eq_ignore_ascii_case(word.as_bytes()))
}

/// What stands within a value without quotes. Brackets end it, so that a mark does.
fn is_bare(byte: u8) -> bool {
    !byte.is_ascii_whitespace()
        && !is_quote(byte)
        && !matches!(
            byte,
            b'\\' | b'<' | b'>' | b'(' | b')' | b'[' | b']' | b'{' | b'}' | b'&' | b'|' | b';'
        )
}

fn is_joint(byte: u8) -> bool {
    matches!(byte, b'_' | b'.' | b'-' | b'/' | b':' | b',' | b'!' | b'?')
}

fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`')
}
