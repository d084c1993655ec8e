//! Names that say that what is assigned to them is a secret, by their ends.

use super::{ends_with_word, has_word};

/// What a name ends with, and the kind of its values.
const NAMES: &[(&str, Kind)] = &[
    ("key", Kind::Key),
    ("token", Kind::Token),
    ("secret", Kind::Secret),
    ("password", Kind::Password),
    ("passwd", Kind::Password),
    ("passphrase", Kind::Password),
    ("passcode", Kind::Password),
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
    "license",
    "webhook",
    "client",
    "admin",
    "root",
    "jwt",
    "aes",
    "cipher",
    "decryption",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

    /// Also where a list or a map is under the name of its items: `api_keys`, `passwords`. Of
    /// tokens there is a count.
    pub(super) fn of_items(name: &[u8]) -> Option<Self> {
        let one = name.strip_suffix(b"s").or(name.strip_suffix(b"S"));
        let of_one = || Self::of(one?).filter(|kind| *kind != Self::Token);
        Self::of(name).or_else(of_one)
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

fn is_qualified(before: &[u8]) -> bool {
    let before = match before {
        [head @ .., b'_' | b'-' | b' ' | b'.'] => head,
        _ => before,
    };
    KEY_QUALIFIERS
        .iter()
        .any(|word| ends_with_word(before, word))
}

/// Whether a value has the end of such a name in it: it is a name itself.
pub(super) fn is_in(value: &[u8]) -> bool {
    let has = |name: &str| (0..value.len()).any(|at| has_word(value, at, name));
    NAMES.iter().any(|(name, _)| has(name))
}
