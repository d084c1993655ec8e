//! Values that stand alone under a name of secrets, as in `{"password": "…"}`: nothing about them
//! shows that they are secrets, and they are redacted whole.

use std::borrow::Cow;

use super::bytes::ends_with_word;
use super::kind::{Kind, unnumbered};
use super::mark::MARK;
use super::rounds::redact;
use super::value::is_variable;
use super::view::views;

/// Names beside those of assignments, by their ends.
const NAMES: [(&str, &str); 9] = [
    ("authorization", "credentials"),
    ("credential", "credentials"),
    ("credentials", "credentials"),
    ("cookie", "cookie"),
    ("cookies", "cookie"),
    ("passcode", "password"),
    ("passwords", "password"),
    ("secrets", "secret"),
    ("jwt", "jwt"),
];
/// What is longer is a text, and so is what has other than letters, digits and joints in it.
const MAX_NAME_BYTES: usize = 64;
/// As in `secret access key`.
const MAX_BLANKS: usize = 2;
/// A shorter token is one of a grammar more often than one of an account.
const MIN_TOKEN_BYTES: usize = 8;
/// `pass` is how a test ended, or how many did, as well: `{"pass": "all"}`.
const MIN_PASS_BYTES: usize = 6;
/// Values that say there is none.
const NOTHING: [&str; 10] = [
    "",
    "none",
    "null",
    "nil",
    "true",
    "false",
    "undefined",
    "required",
    "optional",
    "redacted",
];

/// A name whose values are secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecretName {
    kind: &'static str,
    min_bytes: usize,
    has_numbers: bool,
}

/// Whether a name says that what stands under it is a secret: also that of the second of them, or
/// of a list. Of `tokens` there is a count, or a list of words.
pub fn secret_name(name: &str) -> Option<SecretName> {
    if name.len() > MAX_NAME_BYTES {
        return None;
    }
    let view = views(name).pop();
    let name = view.as_ref().map_or(name.as_bytes(), |view| &view.text);
    let is_name_byte =
        |byte: &u8| byte.is_ascii_alphanumeric() || !byte.is_ascii() || b"_-. ".contains(byte);
    let blanks = name.iter().filter(|byte| **byte == b' ').count();
    if blanks > MAX_BLANKS || !name.iter().all(is_name_byte) {
        return None;
    }
    if name == b"pass" {
        return Some(SecretName {
            kind: Kind::Password.text(),
            min_bytes: MIN_PASS_BYTES,
            has_numbers: false,
        });
    }
    let base = unnumbered(name);
    of_one(base).or_else(|| {
        let one = base.strip_suffix(b"s").or(base.strip_suffix(b"S"))?;
        let found = of_one(one).filter(|found| found.kind != Kind::Token.text())?;
        // Beside secrets a list of keys may hold the names of columns.
        let min_bytes = if found.kind == Kind::Key.text() {
            MIN_TOKEN_BYTES
        } else {
            found.min_bytes
        };
        Some(SecretName { min_bytes, ..found })
    })
}

fn of_one(name: &[u8]) -> Option<SecretName> {
    let of = |kind, min_bytes, has_numbers| SecretName {
        kind,
        min_bytes,
        has_numbers,
    };
    if let Some(kind) = Kind::of(name) {
        let min_bytes = if kind == Kind::Token {
            MIN_TOKEN_BYTES
        } else {
            1
        };
        return Some(of(kind.text(), min_bytes, kind == Kind::Password));
    }
    let (_, kind) = NAMES.iter().find(|(end, _)| ends_with_word(name, end))?;
    Some(of(kind, 1, *kind == "password"))
}

impl SecretName {
    /// The mark in the place of a value, with the kind that the value shows by itself where it
    /// does; borrowed when it says that there is no secret, or only where it is.
    pub fn redact(self, value: &str) -> Cow<'_, str> {
        let is_mask = value.bytes().all(|byte| byte == b'*' || byte == b'x');
        let is_nothing = NOTHING.iter().any(|word| value.eq_ignore_ascii_case(word));
        let is_template = value.starts_with("${") && value.ends_with('}');
        let is_reference = is_template || is_variable(value.as_bytes());
        if value.len() < self.min_bytes || is_mask || is_nothing || is_reference {
            return redact(value);
        }
        let clean = redact(value);
        let is_mark = clean.starts_with(MARK) && clean.find(']') == Some(clean.len() - 1);
        if is_mark {
            return clean;
        }
        Cow::Owned(self.mark())
    }

    /// The mark in the place of a number, where numbers are secrets as well.
    pub fn redact_number(self) -> Option<String> {
        self.has_numbers.then(|| self.mark())
    }

    fn mark(self) -> String {
        format!("{MARK}{}]", self.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_secrets_takes_its_value_whole() {
        for (name, kind) in [
            ("password", "password"),
            ("DB_PASSWORD", "password"),
            ("api_key", "api-key"),
            ("apiKey", "api-key"),
            ("x-api-key", "api-key"),
            ("clientSecret", "secret"),
            ("accessToken", "token"),
            ("Authorization", "credentials"),
            ("proxy-authorization", "credentials"),
            ("Set-Cookie", "cookie"),
            ("privateKey", "api-key"),
            ("passphrase", "password"),
            ("api_keys", "api-key"),
            ("apiKeys", "api-key"),
            ("API_KEY_2", "api-key"),
            ("pass", "password"),
            ("password1", "password"),
            ("db_passwords", "password"),
            ("passphrases", "password"),
            ("client_secret_2", "secret"),
        ] {
            let found = secret_name(name).unwrap_or_else(|| panic!("{name}"));
            let mark = format!("[redacted:{kind}]");
            assert_eq!(found.redact("sesame street"), mark, "{name}");
            assert_eq!(found.redact(&mark), mark, "{name}");
        }
        let own = ["gh", "p_", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"].concat();
        let token = secret_name("token").unwrap();
        assert_eq!(token.redact(&own), "[redacted:github-token]");
        assert_eq!(
            secret_name("password").unwrap().redact("a"),
            "[redacted:password]"
        );
        assert!(secret_name("password").unwrap().redact_number().is_some());
        assert_eq!(token.redact_number(), None);
        assert_eq!(secret_name("pass").unwrap().redact_number(), None);
    }

    #[test]
    fn values_that_say_none_or_name_a_place_stay() {
        for (name, value) in [
            ("password", "$DB_PASSWORD"),
            ("password", "${DB_PASSWORD}"),
            ("password", "********"),
            ("api_key", "undefined"),
            ("token", "EOF"),
            ("token", "'}'"),
            ("pass", "all"),
            ("shared_keys", "id"),
        ] {
            assert_eq!(secret_name(name).unwrap().redact(value), value, "{name}");
        }
        for name in [
            "tokens",
            "key",
            "primary_key",
            "input_tokens",
            "PASS",
            "author",
            "path",
            "/etc/passwd",
            "bypass",
            "passes",
            "passed1",
            "pass2",
            "keys",
            "primary_keys",
            "access",
            "access_tokens",
            "tokens2",
            "sha256",
            "utf8",
            "1",
        ] {
            assert_eq!(secret_name(name), None, "{name}");
        }
    }
}
