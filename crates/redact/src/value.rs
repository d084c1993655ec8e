//! What a value looks like: a secret, a word, a count, or the place where the secret is.

use super::bytes::{has_digit, is_blank, run, walked};
use super::kind::{self, Kind};
use super::mark::MARK;

/// Shorter values are words, counts or states more often than secrets.
const MIN_VALUE_BYTES: usize = 8;
/// Of a password with a letter and a digit.
const MIN_PASSWORD_BYTES: usize = 6;
/// Of a password in a place that is made for one, as after `--password`.
const MIN_PLACED_BYTES: usize = 3;
/// Of a password of letters alone, in quotes.
const MIN_WORD_BYTES: usize = 4;
/// A value without a digit is a word unless it is longer than words are.
const MIN_VALUE_BYTES_WITHOUT_DIGIT: usize = 16;
/// A path or an address is shorter; what is longer is not checked for what else it is.
const MAX_REFERENCE_BYTES: usize = 256;

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
/// Words that stand in the place of a password in code, schemas and manuals.
const WORDS: &[&str] = &[
    "string",
    "str",
    "text",
    "bool",
    "boolean",
    "int",
    "integer",
    "number",
    "null",
    "none",
    "nil",
    "true",
    "false",
    "any",
    "object",
    "varchar",
    "char",
    "type",
    "field",
    "value",
    "input",
    "prompt",
    "option",
    "flag",
    "argument",
    "parameter",
    "file",
    "stdin",
    "empty",
    "missing",
    "invalid",
    "incorrect",
    "wrong",
    "expired",
    "reset",
    "changed",
    "hidden",
    "masked",
    "enabled",
    "auth",
    "basic",
    "plain",
    "password",
    "passwd",
    "secret",
    "token",
    "username",
    "user",
    "name",
    "login",
    "email",
    "and",
    "or",
    "is",
    "was",
    "for",
    "the",
    "with",
    "instead",
    "inherit",
    "yes",
    "no",
    "unset",
    "default",
    "generated",
    "base64",
    "sha1",
    "sha256",
    "sha512",
    "md5",
    "bcrypt",
    "scram",
    "utf8",
    "utf-8",
    "authentication",
    "authorization",
    "authenticated",
    "encryption",
];

pub(super) fn is_secret_quoted(value: &[u8], kind: Kind) -> bool {
    let min_bytes = match kind {
        Kind::Password => MIN_PLACED_BYTES,
        _ => MIN_VALUE_BYTES,
    };
    if value.len() < min_bytes || value.starts_with(MARK.as_bytes()) {
        return false;
    }
    if value.len() > MAX_REFERENCE_BYTES {
        return true;
    }
    let has_blank = value.iter().any(|byte| is_blank(*byte));
    if is_template(value) || is_reference(value, kind) || has_blank && kind != Kind::Password {
        return false;
    }
    let is_short_word =
        !is_mixed(value) && (value.len() < MIN_WORD_BYTES || is_type_or_word(value));
    value.len() >= MIN_VALUE_BYTES || !is_short_word
}

pub(super) fn is_secret_bare(value: &[u8], kind: Kind, is_tight: bool) -> bool {
    let is_short_password = kind == Kind::Password
        && value.len() >= MIN_PASSWORD_BYTES
        && (is_mixed(value) || is_tight && !is_type_or_word(value));
    if value.len() < MIN_VALUE_BYTES && !is_short_password {
        return false;
    }
    if value.len() > MAX_REFERENCE_BYTES {
        return true;
    }
    if is_reference(value, kind) {
        return false;
    }
    if !is_name(value) {
        let opens = matches!(kind, Kind::Password | Kind::Secret);
        return opens || is_tight || !is_wordy(value);
    }
    if is_tight {
        return !kind::is_in(value);
    }
    is_long_word(value)
}

/// Whether this is a secret in a place that is made for one, in prose as well: after a flag, in an
/// element, in a cell of a table.
pub(super) fn is_secret_placed(value: &[u8], kind: Kind) -> bool {
    is_secret_given(value, kind) && !is_type_or_word(value)
}

/// Whether this is a secret in a place that only commands have, whatever word it is.
pub(super) fn is_secret_given(value: &[u8], kind: Kind) -> bool {
    let min_bytes = match kind {
        Kind::Password => MIN_PLACED_BYTES,
        _ => MIN_VALUE_BYTES,
    };
    if value.len() < min_bytes || value.starts_with(MARK.as_bytes()) {
        return false;
    }
    if value.len() > MAX_REFERENCE_BYTES {
        return true;
    }
    let is_file = kind == Kind::Key && is_file(value);
    if is_template(value) || is_reference(value, kind) || is_file {
        return false;
    }
    kind == Kind::Password || !is_name(value) || is_long_word(value)
}

/// A file of a key, as ssh and TLS name them.
fn is_file(value: &[u8]) -> bool {
    let endings: [&[u8]; 7] = [
        b".pem", b".key", b".pub", b".json", b".p12", b".pfx", b".txt",
    ];
    value.starts_with(b"id_") || endings.iter().any(|ending| value.ends_with(ending))
}

/// Code that fills something in: `{name}`, `${NAME}`, `<name>`.
pub(super) fn is_template(value: &[u8]) -> bool {
    let open = value.iter().position(|byte| *byte == b'{');
    let is_filled = open.is_some_and(|open| value[open..].contains(&b'}'));
    is_filled || value.starts_with(b"<") || value.starts_with(b"${") || value.starts_with(b"$(")
}

/// Words that stand where a password may stand.
pub(super) fn is_type_or_word(value: &[u8]) -> bool {
    let word = value.split(|byte| *byte == b'(').next().unwrap_or(value);
    WORDS
        .iter()
        .any(|known| word.eq_ignore_ascii_case(known.as_bytes()))
}

/// A letter and something else, as in most passwords and in few words.
pub(super) fn is_mixed(value: &[u8]) -> bool {
    value.iter().any(u8::is_ascii_alphabetic)
        && value
            .iter()
            .any(|byte| !byte.is_ascii_alphabetic() && !is_blank(*byte) && !is_joint(*byte))
}

/// Names of variables and words of prose are of letters, dots and dashes.
fn is_name(value: &[u8]) -> bool {
    value
        .iter()
        .all(|byte| byte.is_ascii_alphabetic() || !byte.is_ascii() || is_joint(*byte))
}

fn is_long_word(value: &[u8]) -> bool {
    let is_single_case =
        value.iter().all(u8::is_ascii_lowercase) || value.iter().all(u8::is_ascii_uppercase);
    is_single_case && value.len() >= MIN_VALUE_BYTES_WITHOUT_DIGIT
}

/// Words that are joined, each with a number after it at most: `auditor-v2`, `room_42_a`. What
/// providers issue has digits among its letters.
pub(super) fn is_wordy(value: &[u8]) -> bool {
    const MAX_WORD_BYTES: usize = 20;
    const MAX_DIGITS: usize = 4;
    let is_word = |part: &[u8]| {
        let letters = run(part, 0, |byte| byte.is_ascii_alphabetic());
        let digits = part.len() - letters;
        let is_one_case = part[..letters].iter().skip(1).all(u8::is_ascii_lowercase)
            || part[..letters].iter().all(u8::is_ascii_uppercase);
        part[letters..].iter().all(u8::is_ascii_digit)
            && letters <= MAX_WORD_BYTES
            && digits <= MAX_DIGITS
            && is_one_case
    };
    let mut parts = value.split(|byte| is_joint(*byte) || matches!(byte, b'+' | b'@' | b'#'));
    parts.all(is_word) && value.iter().any(u8::is_ascii_alphabetic)
}

/// Words and numbers that are joined, as in the name of a model or of a build, and UUIDs.
pub(super) fn is_words(value: &[u8]) -> bool {
    let is_uuid = value.len() == 36 && [8, 13, 18, 23].iter().all(|at| value[*at] == b'-');
    let mut parts = value.split(|byte| matches!(byte, b'-' | b'_' | b'.' | b'/' | b'='));
    let is_plain = |part: &[u8]| {
        let letters = run(part, 0, |byte| byte.is_ascii_alphabetic());
        part.len() <= 13 && part[letters..].iter().all(u8::is_ascii_digit)
    };
    is_uuid || parts.all(is_plain)
}

/// What nobody writes: long, letters and digits in one, and no words that are joined.
pub(super) fn is_random(value: &[u8]) -> bool {
    const MIN_BYTES: usize = 16;
    let is_long = |part: &[u8]| part.len() >= MIN_BYTES;
    let is_of_key = |byte: &u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'=' | b'+' | b'/')
    };
    has_digit(value)
        && value.iter().any(u8::is_ascii_alphabetic)
        && value.iter().all(is_of_key)
        && value
            .split(|byte| matches!(byte, b'-' | b'.' | b'/'))
            .any(is_long)
        && !is_words(value)
}

/// Whether a value only says where the secret is, that there is none, or how much.
pub(super) fn is_reference(value: &[u8], kind: Kind) -> bool {
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
    let ([b'$', name @ ..] | [b'%', name @ .., b'%']) = value else {
        return false;
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

/// The closing quote of a quotation that starts before `at`, if it has one on its line.
pub(super) fn closing_quote(text: &[u8], at: usize, quote: u8, is_escaped: bool) -> Option<usize> {
    /// A longer quotation is read as if its quote were missing.
    const MAX_QUOTED_BYTES: usize = 1024;
    let window = &text[..text.len().min(at + MAX_QUOTED_BYTES)];
    walked(window.len() - at.min(window.len()));
    let mut is_literal = false;
    for (index, byte) in window.iter().enumerate().skip(at) {
        match byte {
            b'\n' => return None,
            b'\\' if is_escaped => return Some(index),
            b'\\' => is_literal = !is_literal,
            _ if *byte == quote && !is_literal => return Some(index),
            _ => is_literal = false,
        }
    }
    None
}

/// The end of a value without quotes, before what ends a clause or a list.
pub(super) fn bare_end(text: &[u8], start: usize) -> usize {
    let end = start + run(text, start, is_bare);
    let value = &text[start..end];
    let last = value.iter().rposition(|byte| !matches!(byte, b',' | b'.'));
    last.map_or(start, |last| start + last + 1)
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

pub(super) fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`')
}
