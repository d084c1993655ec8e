//! Keys: their text, their stored form, and their scopes.

use std::fmt;

use serde::{Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

use agentpulse_core::bucket::rfc3339;

/// Every credential is compared with each of them.
pub(super) const MAX_KEYS: usize = 256;
/// As a name stands in a table and in a URL of the control socket.
const MAX_NAME_BYTES: usize = 64;

/// What a key may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everything that can be read, except the audit trail.
    Read,
    /// Sending events.
    Ingest,
    /// The audit trail, and all of the others.
    Admin,
    /// Making tasks, working on them, and messages.
    Work,
}

impl Scope {
    pub const ALL: [Scope; 4] = [Scope::Read, Scope::Ingest, Scope::Admin, Scope::Work];

    pub fn as_str(self) -> &'static str {
        match self {
            Scope::Read => "read",
            Scope::Ingest => "ingest",
            Scope::Admin => "admin",
            Scope::Work => "work",
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// At least one scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    /// Names separated by commas. Returns None for an unknown name, or without any.
    pub fn parse(text: &str) -> Option<Scopes> {
        let mut scopes = Scopes(0);
        for name in text.split(',').map(str::trim) {
            let scope = Scope::ALL.iter().find(|scope| scope.as_str() == name)?;
            scopes.0 |= scope.bit();
        }
        Some(scopes)
    }

    pub fn open(self, scope: Scope) -> bool {
        self.0 & (scope.bit() | Scope::Admin.bit()) != 0
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = Scope::ALL.iter().filter(|scope| self.0 & scope.bit() != 0);
        let names: Vec<&str> = held.map(|scope| scope.as_str()).collect();
        f.write_str(&names.join(","))
    }
}

impl Serialize for Scopes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The data of a key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Key {
    /// Eight hexadecimal digits that have nothing to do with the secret.
    pub id: String,
    pub name: String,
    pub scopes: Scopes,
    #[serde(rename = "created", serialize_with = "stamp")]
    pub created_ms: i64,
    /// To the minute.
    #[serde(rename = "last_used", serialize_with = "stamp_if_any")]
    pub last_used_ms: Option<i64>,
    #[serde(rename = "expires", serialize_with = "stamp_if_any")]
    pub expires_ms: Option<i64>,
}

fn stamp<S: Serializer>(at_ms: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(*at_ms))
}

fn stamp_if_any<S: Serializer>(at_ms: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
    at_ms.map(rfc3339).serialize(serializer)
}

impl Key {
    pub fn is_expired(&self, now_ms: i64) -> bool {
        self.expires_ms.is_some_and(|expires| expires <= now_ms)
    }
}

/// A key to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    pub name: String,
    pub scopes: Scopes,
    pub expires_ms: Option<i64>,
}

/// The SHA-256 of a secret of 256 random bits. A slow hash is for passwords, which can be guessed:
/// nobody goes through 2^256 of these.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    pub fn of(text: &str) -> Digest {
        Digest(Sha256::digest(text).into())
    }

    /// Takes as long whether the first byte differs or the last.
    pub fn equals(&self, other: &Digest) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

pub fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=MAX_NAME_BYTES).contains(&text.len()) && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_open_what_they_name_and_admin_everything() {
        let opened = |text| {
            let scopes = Scopes::parse(text).unwrap();
            Scope::ALL.map(|scope| scopes.open(scope))
        };
        assert_eq!(opened("read"), [true, false, false, false]);
        assert_eq!(opened("ingest"), [false, true, false, false]);
        assert_eq!(opened("ingest, read"), [true, true, false, false]);
        assert_eq!(opened("work"), [false, false, false, true]);
        assert_eq!(opened("admin"), [true, true, true, true]);
        assert_eq!(
            Scopes::parse("ingest,read").unwrap().to_string(),
            "read,ingest"
        );
        for text in ["", "write", "read,", "Read"] {
            assert_eq!(Scopes::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_digest_is_sha_256() {
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let digits: String = Digest::of("abc")
            .0
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        assert_eq!(digits, known);
    }

    #[test]
    fn names_are_short_and_plain() {
        for name in ["grafana", "ci.main_2-b", &"x".repeat(64)] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "two words", "a/b", "ä", "a\n", &"x".repeat(65)] {
            assert!(!is_name(name), "{name:?}");
        }
    }
}
