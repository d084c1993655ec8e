//! A text is redacted in rounds, until one changes nothing.

use std::borrow::Cow;

use super::email::{EMAILS, keeps_emails};
use super::encoded;
use super::mark::with_marks;
use super::rules::{MAX_ROUNDS, OF_NAMES, OF_TEXTS, Rules, marked};
use super::view::may_stand_for_other;

/// `x://:p@`, the shortest text with a secret.
const MIN_TEXT_BYTES: usize = 7;

/// The text with `[redacted:<kind>]` in place of what looks like a secret; borrowed when
/// nothing does. Redacting it again changes nothing.
///
/// Kinds are a provider's (`anthropic-key`, `github-token`, …), `jwt`, `bearer`,
/// `credentials`, `cookie`, `private-key`, `email`, `encoded` for base64 that has a secret in it, and
/// by the name a value is assigned to `password`, `secret`, `token`, `api-key`. Values under a
/// name of secrets are known as such only where both stand in one text; for those that stand alone
/// see [`secret_name()`](crate::secret_name()). A token that was cut before it came here may be too short to be known:
/// redact first, cut afterwards.
pub fn redact(text: &str) -> Cow<'_, str> {
    redact_by(text, &OF_TEXTS, 0)
}

/// An id or a name with its secrets marked, as [`redact`] does: only that the word behind one colon
/// is no value, as in `design-token:auditor-v2`.
pub fn redact_name(name: &str) -> Cow<'_, str> {
    redact_by(name, &OF_NAMES, 0)
}

/// `depth` is how often the text was encoded in another.
fn redact_by<'a>(text: &'a str, rules: &Rules, depth: usize) -> Cow<'a, str> {
    let mut clean = Cow::Borrowed(text);
    if text.len() < MIN_TEXT_BYTES {
        return clean;
    }
    // A mark may lay bare the next address, which was joined to the one before, and it may end what
    // was no secret for what stood behind it.
    for _ in 0..MAX_ROUNDS {
        let mut is_changed = false;
        let mut take = |next: Option<String>, clean: &mut Cow<str>| {
            if let Some(next) = next {
                *clean = Cow::Owned(next);
                is_changed = true;
            }
        };
        take(rules.without_secrets(&clean), &mut clean);
        let has = signs(&clean);
        if has & OTHERS != 0 {
            take(rules.without_hidden(&clean), &mut clean);
        }
        if has & CAPITALS != 0 && depth < encoded::MAX_DEPTH {
            take(without_encoded(&clean, depth), &mut clean);
        }
        if has & AT != 0 && !keeps_emails() {
            take(marked(&clean, &EMAILS), &mut clean);
        }
        if !is_changed {
            break;
        }
    }
    clean
}

/// Signs without which a text has no address, nothing that stands for something else, and no
/// base64 of a text.
const AT: u8 = 1;
const OTHERS: u8 = 2;
const CAPITALS: u8 = 4;

static SIGNS: [u8; 256] = {
    let mut signs = [0; 256];
    let mut at = 0;
    while at < signs.len() {
        let byte = at as u8;
        if byte == b'@' {
            signs[at] |= AT;
        }
        if may_stand_for_other(byte) {
            signs[at] |= OTHERS;
        }
        if byte.is_ascii_uppercase() {
            signs[at] |= CAPITALS;
        }
        at += 1;
    }
    signs
};

/// Which of the signs a text has.
fn signs(text: &str) -> u8 {
    let of = text.bytes().map(|byte| SIGNS[usize::from(byte)]);
    of.fold(0, |all, one| all | one)
}

/// The text without base64 of texts that have a secret, or `None` when it has none.
fn without_encoded(text: &str, depth: usize) -> Option<String> {
    let has_secret = |inner: &str| matches!(redact_by(inner, &OF_TEXTS, depth + 1), Cow::Owned(_));
    with_marks(text, encoded::secrets(text.as_bytes(), has_secret))
}
