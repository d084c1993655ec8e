//! Credentials that protocols and formats name: bearer values, an `Authorization` header,
//! a password in a URL.

use super::bytes::{ends_with_word, has_digit, has_word, is_base64, is_blank, run, walked};
use super::encoded::decoded;
use super::mark::{MARK, Secret};
use super::opening::value_start;
use super::trigger::Trigger;
use super::value::{is_quote, is_random, is_variable};

const MIN_VALUE_BYTES: usize = 8;
/// A value without a digit is a word unless it is longer than words are.
const MIN_VALUE_BYTES_WITHOUT_DIGIT: usize = 20;
const SCHEMES: &[&str] = &[
    "basic",
    "bearer",
    "token",
    "apikey",
    "negotiate",
    "ntlm",
    "splunk",
];
/// Schemes of which the credential is a list of `name=value`, to the end of the line.
const LIST_SCHEMES: &[&str] = &["digest", "aws4-hmac-sha256", "oauth", "hawk"];
/// What a cookie says to the browser, as against what it holds.
const COOKIE_ATTRIBUTES: &[&str] = &["samesite", "path", "domain", "max-age", "expires"];
const MAX_LINE_BYTES: usize = 8192;
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
            find: Box::new(|text, at| bearer_at(text, at).or_else(|| basic_at(text, at))),
        },
        Trigger {
            first: bytes.filter(u8::is_ascii_alphanumeric).collect(),
            second: vec![b':'],
            find: Box::new(url_password_at),
        },
        Trigger {
            first: (0..=u8::MAX).filter(u8::is_ascii_graphic).collect(),
            second: vec![b'@'],
            find: Box::new(login_at),
        },
    ]
}

fn bearer_at(text: &[u8], at: usize) -> Option<Secret> {
    if !has_word(text, at, "bearer") {
        return None;
    }
    let blanks = at + "bearer".len();
    // In code the scheme and the value are two texts: `"Bearer " + "…"`.
    let start = blanks
        + run(text, blanks, |byte| {
            is_blank(byte) || is_quote(byte) || byte == b'+'
        });
    let value = value(text, start)?;
    (start > blanks && is_opaque(value)).then_some(Secret {
        start,
        end: start + value.len(),
        kind: "bearer",
    })
}

/// A user and a password as HTTP encodes them, without the name of the header.
fn basic_at(text: &[u8], at: usize) -> Option<Secret> {
    if !has_word(text, at, "basic ") {
        return None;
    }
    let start = at + "basic ".len();
    let value = value(text, start)?;
    let pair = decoded(value)?;
    pair.contains(&b':').then_some(Secret {
        start,
        end: start + value.len(),
        kind: "credentials",
    })
}

/// The content of a `Cookie` or `Set-Cookie` header: whatever its cookies are called, one of them
/// is a session.
pub(super) fn cookie_at(text: &[u8], name: &[u8], sign: usize) -> Option<Secret> {
    if !is_cookie(name) {
        return None;
    }
    let opening = value_start(text, sign)?;
    let start = opening.at;
    let first = run(text, start, |byte| {
        byte.is_ascii_graphic() && !b"=;,:".contains(&byte)
    });
    let is_attribute = COOKIE_ATTRIBUTES
        .iter()
        .any(|word| text[start..start + first].eq_ignore_ascii_case(word.as_bytes()));
    let is_pair = first > 0 && text.get(start + first) == Some(&b'=');
    if is_attribute || !is_pair {
        return None;
    }
    let end = opening
        .quoted_end(text)
        .unwrap_or_else(|| line_end(text, start));
    (start + first + 1 < end).then_some(Secret {
        start,
        end,
        kind: "cookie",
    })
}

/// Whether what is assigned to a name is cookies.
pub(super) fn is_cookie(name: &[u8]) -> bool {
    ends_with_word(name, "cookie") || ends_with_word(name, "cookies")
}

/// The end of a header that starts within a quotation, or in none.
fn line_end(text: &[u8], start: usize) -> usize {
    let window = &text[..text.len().min(start + MAX_LINE_BYTES)];
    let end = start
        + run(window, start, |byte| {
            !is_quote(byte) && !matches!(byte, b'\n' | b'\r' | b'\\' | b'[')
        });
    start + text[start..end].trim_ascii_end().len()
}

/// The credential of an `Authorization` header, if that is the name before the colon at
/// `sign`. What follows a scheme is one, whatever it looks like.
pub(super) fn authorization_at(text: &[u8], name: &[u8], sign: usize) -> Option<Secret> {
    if !ends_with_word(name, "authorization") {
        return None;
    }
    let opening = value_start(text, sign)?;
    let start = opening.at;
    let is_list = |scheme: &&str| {
        has_word(text, start, scheme) && run(text, start + scheme.len(), is_blank) > 0
    };
    if let Some(scheme) = LIST_SCHEMES.iter().find(|scheme| is_list(scheme)) {
        let start = start + scheme.len() + run(text, start + scheme.len(), is_blank);
        if text[start..].starts_with(MARK.as_bytes()) {
            return None;
        }
        let window = &text[..text.len().min(start + MAX_LINE_BYTES)];
        let end = opening.quoted_end(text).unwrap_or_else(|| {
            start + run(window, start, |byte| !matches!(byte, b'\n' | b'\r' | b'\''))
        });
        return (end > start).then_some(Secret {
            start,
            end,
            kind: "credentials",
        });
    }
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
    let colon = userinfo[user_from..].iter().position(|byte| *byte == b':');
    let Some(colon) = colon.map(|colon| user_from + colon) else {
        return is_random(userinfo).then_some(Secret {
            start: from,
            end: from + end,
            kind: "token",
        });
    };
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

/// The password of `user:…@tcp(host)`, as drivers of Go have it, and of `user/…@//host` of Oracle,
/// which are no URLs.
fn login_at(text: &[u8], at: usize) -> Option<Secret> {
    const MAX_BYTES: usize = 128;
    let rest = &text[at + 1..];
    let sign = match () {
        () if rest.starts_with(b"tcp(") || rest.starts_with(b"unix(") => b':',
        () if rest.starts_with(b"//") => b'/',
        () => return None,
    };
    let window = &text[at.saturating_sub(MAX_BYTES)..at];
    walked(window.len());
    let length = window.iter().rev().position(|byte| *byte == sign)?;
    let password = &text[at - length..at];
    let is_whole = password
        .iter()
        .all(|byte| byte.is_ascii_graphic() && !is_quote(*byte) && !b"[]{}<>".contains(byte));
    (is_whole && length > 0 && !is_variable(password)).then_some(Secret {
        start: at - length,
        end: at,
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
