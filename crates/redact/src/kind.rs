//! Names that say that what is assigned to them is a secret, by their ends.

use super::bytes::{ends_with_word, has_word, starts_word};

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
    ("pass word", Kind::Password),
    ("pass-word", Kind::Password),
    ("pw", Kind::Password),
    ("psk", Kind::Password),
    ("secret_key_base", Kind::Secret),
    ("dockerconfigjson", Kind::Secret),
    ("client-key-data", Kind::Key),
];

/// The word for a password in other languages. Behind it stands prose more often than behind the
/// English one, which code has as well.
const PASSWORDS: &[&str] = &[
    "passwort",
    "kennwort",
    "mot de passe",
    "mot_de_passe",
    "contraseña",
    "contrasena",
    "senha",
    "wachtwoord",
    "hasło",
    "пароль",
    "Пароль",
    "密码",
    "密碼",
    "パスワード",
    "비밀번호",
];

/// What stands before `pass` in one word with it: `SSHPASS`, `keypass`.
const PASS_QUALIFIERS: &[&str] = &[
    "ssh", "store", "key", "db", "root", "admin", "smtp", "ftp", "vault",
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
    "unseal",
    "openai",
    "anthropic",
    "gemini",
    "github",
    "gitlab",
    "stripe",
    "google",
    "azure",
    "aws",
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
        let Some((end, kind)) = NAMES.iter().find(|(end, _)| ends_with_word(name, end)) else {
            return is_foreign(name).then_some(Self::Password);
        };
        let before = &name[..name.len() - end.len()];
        let is_known = match *end {
            "key" => is_qualified(before),
            // "PASS: …" is the result of a test.
            "pass" => {
                let is_joint = |byte: &u8| b"_-?&.,/\"'".contains(byte);
                before.last().is_some_and(is_joint)
                    || PASS_QUALIFIERS
                        .iter()
                        .any(|word| ends_with_word(before, word))
            }
            "pw" | "psk" => before
                .last()
                .is_none_or(|byte| !byte.is_ascii_alphanumeric()),
            _ => true,
        };
        is_known.then_some(*kind)
    }

    /// Of a name, or of the second that is called so: `password2`, `API_KEY_1`.
    pub(super) fn of_numbered(name: &[u8]) -> Option<Self> {
        Self::of(name).or_else(|| Self::of(unnumbered(name)))
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

/// The name without the number that sets it apart, as in `password2` and `API_KEY_1`.
pub(super) fn unnumbered(name: &[u8]) -> &[u8] {
    const MAX_DIGITS: usize = 4;
    let window = &name[name.len().saturating_sub(MAX_DIGITS)..];
    let digits = window
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    match &name[..name.len() - digits] {
        [head @ .., b'_' | b'-' | b' '] if digits > 0 => head,
        base => base,
    }
}

/// Whether a name is that of a password in another language than English.
pub(super) fn is_foreign(name: &[u8]) -> bool {
    PASSWORDS.iter().any(|word| ends_with_word(name, word))
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

/// Whether a value has the end of such a name in it: it is a name itself. A short one must begin a
/// word there: random letters have it by chance.
pub(super) fn is_in(value: &[u8]) -> bool {
    const MAX_SHORT_BYTES: usize = 3;
    let has = |name: &str| {
        let is_start = |at: usize| starts_word(value, at) || value[at].is_ascii_uppercase();
        let is_long = name.len() > MAX_SHORT_BYTES;
        (0..value.len()).any(|at| has_word(value, at, name) && (is_long || is_start(at)))
    };
    NAMES.iter().any(|(name, _)| has(name))
}
