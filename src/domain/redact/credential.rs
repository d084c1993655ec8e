//! Credentials that protocols and formats name: bearer values, an `Authorization` header,
//! a password in a URL.

use super::assignment::value_start;
use super::trigger::Trigger;
use super::{MARK, Secret, ends_with_word, has_digit, has_word, is_base64, is_blank, run};

const MIN_VALUE_BYTES: usize = 8;
/// A value without a digit is a word unless it is longer than words are.
const MIN_VALUE_BYTES_WITHOUT_DIGIT: usize = 20;
const SCHEMES: &[&str] = &["basic", "bearer", "token", "digest", "apikey", "negotiate"];
/// Longer than any user and password; without a cap, a long word would be read again and
/// again.
const MAX_USERINFO_BYTES: usize = 1024;

pub(super) fn triggers() -> Vec<Trigger> {
    let bytes = 0..=u8::MAX;
    vec![
        Trigger {
            first: bytes
                .clone()
                .filter(|byte| !byte.is_ascii_alphanumeric())
                .collect(),
            second: vec![b'b', b'B'],
            find: Box::new(bearer_at),
        },
        Trigger {
            first: bytes.filter(u8::is_ascii_alphanumeric).collect(),
            second: vec![b':'],
            find: Box::new(url_password_at),
        },
    ]
}

fn bearer_at(text: &[u8], at: usize) -> Option<Secret> {
    if !has_word(text, at, "bearer") {
        return None;
    }
    let blanks = at + "bearer".len();
    let start = blanks + run(text, blanks, is_blank);
    let value = value(text, start)?;
    (start > blanks && is_opaque(value)).then_some(Secret {
        start,
        end: start + value.len(),
        kind: "bearer",
    })
}

/// The credential of an `Authorization` header, if that is the name before the colon at
/// `sign`. What follows a scheme is one, whatever it looks like.
pub(super) fn authorization_at(text: &[u8], name: &[u8], sign: usize) -> Option<Secret> {
    if !ends_with_word(name, "authorization") {
        return None;
    }
    let start = value_start(text, sign)?.at;
    let scheme = SCHEMES.iter().find(|scheme| {
        has_word(text, start, scheme) && run(text, start + scheme.len(), is_blank) > 0
    });
    let after = start + scheme.map_or(0, |scheme| scheme.len());
    let start = after + run(text, after, is_blank);
    let value = value(text, start)?;
    let kind = if scheme == Some(&"bearer") {
        "bearer"
    } else {
        "credentials"
    };
    (scheme.is_some() || is_opaque(value)).then_some(Secret {
        start,
        end: start + value.len(),
        kind,
    })
}

/// Only the password: host and user say which account it was.
fn url_password_at(text: &[u8], colon: usize) -> Option<Secret> {
    if !text[colon..].starts_with(b"://") {
        return None;
    }
    let from = colon + "://".len();
    let window = &text[..text.len().min(from + MAX_USERINFO_BYTES)];
    let authority = &window[from..from + run(window, from, is_authority)];
    let end = authority.iter().rposition(|byte| *byte == b'@')?;
    let userinfo = &authority[..end];
    // The user may be a mark by now, which has a colon of its own.
    let is_marked = userinfo.starts_with(MARK.as_bytes());
    let user_from = if is_marked {
        userinfo.iter().position(|byte| *byte == b']')?
    } else {
        0
    };
    let colon = user_from
        + userinfo[user_from..]
            .iter()
            .position(|byte| *byte == b':')?;
    let password = &userinfo[colon + 1..];
    let is_reference = password.starts_with(b"${") || password.iter().all(|byte| *byte == b'*');
    if is_reference || password.starts_with(MARK.as_bytes()) {
        return None;
    }
    Some(Secret {
        start: from + colon + 1,
        end: from + end,
        kind: "password",
    })
}

/// The characters of a token in a header, without the full stop of a sentence.
fn value(text: &[u8], start: usize) -> Option<&[u8]> {
    let end = start + run(text, start, is_token68);
    let value = &text[start..end];
    let value = value.strip_suffix(b".").unwrap_or(value);
    (value.len() >= MIN_VALUE_BYTES).then_some(value)
}

fn is_opaque(value: &[u8]) -> bool {
    let is_mixed =
        value.iter().any(u8::is_ascii_uppercase) && value.iter().any(u8::is_ascii_lowercase);
    has_digit(value) || is_mixed && value.len() >= MIN_VALUE_BYTES_WITHOUT_DIGIT
}

fn is_token68(byte: u8) -> bool {
    is_base64(byte) || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn is_authority(byte: u8) -> bool {
    !byte.is_ascii_whitespace()
        && !matches!(
            byte,
            b'/' | b'?' | b'"' | b'\'' | b'`' | b'<' | b'>' | b'\\'
        )
}
