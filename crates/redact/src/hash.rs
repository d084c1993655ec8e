//! Hashes of passwords as `crypt` and Django write them: with one, guesses can be tried.

use super::bytes::{ends_with_word, run};
use super::kind::Kind;
use super::mark::Secret;
use super::trigger::Trigger;

/// Of the schemes of `crypt`, behind the first `$`.
const SCHEMES: &[&str] = &[
    "1$",
    "2a$",
    "2b$",
    "2y$",
    "5$",
    "6$",
    "7$",
    "y$",
    "apr1$",
    "argon2i$",
    "argon2d$",
    "argon2id$",
    "scrypt$",
];
const DJANGO: &[&str] = &["pbkdf2_sha256", "pbkdf2_sha1", "pbkdf2_sha512"];
/// The shortest hash, of MD5.
const MIN_HASH_BYTES: usize = 22;
const MAX_BYTES: usize = 256;

pub(super) fn trigger() -> Trigger {
    Trigger {
        first: (0..=u8::MAX).collect(),
        second: vec![b'$'],
        find: Box::new(hash_at),
    }
}

fn hash_at(text: &[u8], at: usize) -> Option<Secret> {
    let from = at + 1;
    let rest = &text[from..];
    let is_known = SCHEMES.iter().any(|one| rest.starts_with(one.as_bytes()))
        || DJANGO.iter().any(|one| ends_with_word(&text[..at], one));
    if !is_known {
        return None;
    }
    let window = &text[..text.len().min(from + MAX_BYTES)];
    let end = from + run(window, from, is_of_hash);
    let last = text[from..end].rsplit(|byte| *byte == b'$').next()?;
    (last.len() >= MIN_HASH_BYTES).then_some(Secret {
        start: from,
        end,
        kind: Kind::Password.text(),
    })
}

fn is_of_hash(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"./$=,+-_".contains(&byte)
}
