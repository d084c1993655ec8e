//! Private keys in PEM: whole, quoted, cut at either end, or without the lines around them.

use super::bytes::{has_word, is_base64, run, starts_word, walked};
use super::mark::Secret;
use super::trigger::Trigger;

/// `-----BEGIN ENCRYPTED ` and the like.
const MAX_PEM_LABEL_BYTES: usize = 40;
/// Less than a quarter of a line; with less there is no key to protect.
const MIN_PEM_RUN_BYTES: usize = 16;
/// More than a key of 16,384 bits has, with a quotation sign before each line.
const MAX_KEY_BYTES: usize = 16 * 1024;
/// How the base64 of a private key starts: with its version, for Ed25519, elliptic curves and
/// OpenSSH. For RSA see [`is_rsa`].
const STARTS: [&[u8]; 7] = [
    b"MC4CAQAwBQYDK2V",
    b"MIGHAgEAMBMGByqGSM49",
    b"MIG2AgEAMBAGByqGSM49",
    b"MHcCAQEEI",
    b"MIGkAgEBBD",
    b"MIHcAgEBBE",
    b"b3BlbnNzaC1rZXktdjE",
];

pub(super) fn triggers() -> Vec<Trigger> {
    vec![
        Trigger {
            first: b"I".to_vec(),
            second: b"V".to_vec(),
            find: Box::new(|text, at| {
                whole_at(text, at).or_else(|| without_first_line_at(text, at))
            }),
        },
        Trigger {
            first: b"Mb".to_vec(),
            second: b"ICH3".to_vec(),
            find: Box::new(bare_at),
        },
    ]
}

/// Where the words `PRIVATE KEY` start whose `V` is at `at`.
fn word_at(text: &[u8], at: usize) -> Option<usize> {
    at.checked_sub("PRI".len())
        .filter(|word| has_word(text, *word, "PRIVATE KEY"))
}

/// From its first line to its last, or to where the text was cut.
fn whole_at(text: &[u8], at: usize) -> Option<Secret> {
    let word = word_at(text, at)?;
    let label_from = word.saturating_sub(MAX_PEM_LABEL_BYTES);
    let start = label_from + last_position(&text[label_from..word], b"-----BEGIN ")?;
    let body_from = word + "PRIVATE KEY".len();
    // Up to the next key at most, so that a text of nothing but first lines is read once.
    let rest = &text[body_from..];
    let rest = &rest[..position(rest, b"-----BEGIN ").unwrap_or(rest.len())];
    let whole = end_of_pem(&rest[..rest.len().min(MAX_KEY_BYTES)]);
    let end = whole.unwrap_or_else(|| run(rest, 0, is_pem));
    has_key(&rest[..end]).then_some(Secret {
        start,
        end: body_from + end,
        kind: "private-key",
    })
}

/// The end of the line `-----END … PRIVATE KEY-----`.
fn end_of_pem(body: &[u8]) -> Option<usize> {
    let label = position(body, b"-----END ")? + "-----END ".len();
    let dashes = label + body[label..].iter().position(|byte| *byte == b'-')?;
    let is_key = last_position(&body[label..dashes], b"PRIVATE KEY").is_some();
    is_key.then(|| dashes + run(body, dashes, |byte| byte == b'-'))
}

/// The lines of base64 before a last line, in a text that was cut before them.
fn without_first_line_at(text: &[u8], at: usize) -> Option<Secret> {
    let word = word_at(text, at)?;
    let label_from = word.saturating_sub(MAX_PEM_LABEL_BYTES);
    let last_line = label_from + last_position(&text[label_from..word], b"-----END ")?;
    let mut rest = &text[last_line.saturating_sub(MAX_KEY_BYTES)..last_line];
    let offset = last_line - rest.len();
    let (mut start, mut bytes) = (None, 0);
    loop {
        rest = rest.trim_ascii_end();
        let blank = rest.iter().rposition(u8::is_ascii_whitespace);
        let word_from = blank.map_or(0, |blank| blank + 1);
        let word = &rest[word_from..];
        let first = word.iter().position(|byte| is_base64(*byte));
        let last = word.iter().rposition(|byte| is_base64(*byte));
        if let (Some(first), Some(last)) = (first, last) {
            let key = &word[first..=last];
            let is_line = key.len() >= MIN_PEM_RUN_BYTES || bytes == 0;
            if !is_line || !key.iter().all(|byte| is_base64(*byte)) {
                break;
            }
            bytes += key.len();
            start = Some(offset + word_from + first);
        } else if word.is_empty() || !word.iter().all(|byte| is_of_quotation(*byte)) {
            break;
        }
        rest = &rest[..word_from];
    }
    let dashes = word + "PRIVATE KEY".len();
    let end = dashes + run(text, dashes, |byte| byte == b'-');
    start
        .filter(|_| bytes >= MIN_PEM_RUN_BYTES)
        .map(|start| Secret {
            start,
            end,
            kind: "private-key",
        })
}

/// The base64 of a private key, on one line or on several, without what says so around it.
fn bare_at(text: &[u8], at: usize) -> Option<Secret> {
    let start = at.checked_sub(1)?;
    let key = &text[start..];
    let is_start = STARTS.iter().any(|of_key| key.starts_with(of_key)) || is_rsa(key);
    if !is_start || !starts_word(text, start) {
        return None;
    }
    let mut end = start + run(text, start, is_base64);
    let mut line = end - start;
    if line < MIN_PEM_RUN_BYTES {
        return None;
    }
    loop {
        let next = end
            + run(text, end, |byte| {
                byte.is_ascii_whitespace() || is_of_quotation(byte)
            });
        let length = run(text, next, is_base64);
        let is_next = text[end..next].contains(&b'\n') && length > 0 && length <= line;
        if !is_next {
            break;
        }
        end = next + length;
        // After a short line comes something else.
        if length < line {
            break;
        }
        line = length;
    }
    Some(Secret {
        start,
        end,
        kind: "private-key",
    })
}

/// A sequence of some length and the version 0, in ASN.1: a certificate goes on with a sequence.
fn is_rsa(key: &[u8]) -> bool {
    key.starts_with(b"MII")
        && key.get(5).is_some_and(|byte| b"AQgw".contains(byte))
        && matches!(key.get(6..10), Some(b"IBAA" | b"IBAD"))
}

/// Whether there is part of a line of base64, rather than prose or a path.
fn has_key(body: &[u8]) -> bool {
    body.split(|byte| !is_base64(*byte))
        .any(|part| part.len() >= MIN_PEM_RUN_BYTES && part.iter().any(u8::is_ascii_uppercase))
}

fn position(text: &[u8], part: &[u8]) -> Option<usize> {
    let found = memchr::memmem::find(text, part);
    walked(found.unwrap_or(text.len()));
    found
}

fn last_position(text: &[u8], part: &[u8]) -> Option<usize> {
    memchr::memmem::rfind(text, part)
}

/// What is in a key, its headers included, also where it is quoted or its line ends are written
/// `\n`.
fn is_pem(byte: u8) -> bool {
    is_base64(byte)
        || byte.is_ascii_whitespace()
        || is_of_quotation(byte)
        || matches!(byte, b'-' | b':' | b',' | b'.' | b'(' | b')' | b'@' | b'\\')
}

/// What stands before or behind each line of a key in a mail, in a comment or in a table.
fn is_of_quotation(byte: u8) -> bool {
    matches!(byte, b'>' | b'#' | b'|' | b'*')
}
