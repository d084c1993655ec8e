//! Private keys in PEM, whole or cut short.

use super::trigger::Trigger;
use super::{Secret, has_word, is_base64, run};

/// `-----BEGIN ENCRYPTED ` and the like.
const MAX_PEM_LABEL_BYTES: usize = 40;
/// Less than a quarter of a line; with less there is no key to protect.
const MIN_PEM_RUN_BYTES: usize = 16;

pub(super) fn trigger() -> Trigger {
    Trigger {
        first: vec![b'I'],
        second: vec![b'V'],
        find: Box::new(private_key_at),
    }
}

/// From its first line to its last, or to where the text was cut.
fn private_key_at(text: &[u8], at: usize) -> Option<Secret> {
    let word = at
        .checked_sub("PRI".len())
        .filter(|word| has_word(text, *word, "PRIVATE KEY"))?;
    let label_from = word.saturating_sub(MAX_PEM_LABEL_BYTES);
    let start = label_from + last_position(&text[label_from..word], b"-----BEGIN ")?;
    let body_from = word + "PRIVATE KEY".len();
    // Up to the next key at most, so that a text of nothing but first lines is read once.
    let rest = &text[body_from..];
    let rest = &rest[..position(rest, b"-----BEGIN ").unwrap_or(rest.len())];
    let body = &rest[..run(rest, 0, is_pem)];
    let end = end_of_pem(body).unwrap_or(body.len());
    has_key(&body[..end]).then_some(Secret {
        start,
        end: body_from + end,
        kind: "private-key",
    })
}

/// The end of the line `-----END … PRIVATE KEY-----`.
fn end_of_pem(body: &[u8]) -> Option<usize> {
    let label = position(body, b"-----END ")? + "-----END ".len();
    let dashes = label + body[label..].iter().position(|byte| *byte == b'-')?;
    Some(dashes + run(body, dashes, |byte| byte == b'-'))
}

/// Whether there is part of a line of base64, rather than prose or a path.
fn has_key(body: &[u8]) -> bool {
    body.split(|byte| !is_base64(*byte))
        .any(|part| part.len() >= MIN_PEM_RUN_BYTES && part.iter().any(u8::is_ascii_uppercase))
}

fn position(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|bytes| bytes == part)
}

fn last_position(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).rposition(|bytes| bytes == part)
}

/// What is in a key, its headers included, also where its line ends are written `\n`.
fn is_pem(byte: u8) -> bool {
    is_base64(byte)
        || byte.is_ascii_whitespace()
        || matches!(byte, b'-' | b':' | b',' | b'.' | b'(' | b')' | b'@' | b'\\')
}
