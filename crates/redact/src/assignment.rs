//! Values assigned to a name of secrets: `password=…`, `"api_key": "…"`, `token: …`.

use super::bytes::{has_digit, has_word, is_blank, run, starts_word};
use super::credential::{authorization_at, cookie_at};
use super::kind::{Kind, is_foreign};
use super::mark::Secret;
use super::opening::{changed_end, value_start};
use super::trigger::Trigger;
use super::value::{
    bare_end, is_quote, is_secret_bare, is_secret_placed, is_secret_quoted, is_wordy,
};
use super::{block, provider};

/// A quote, escaped once or twice, a bracket and the blanks that align signs.
const MAX_CLOSING_BYTES: usize = 16;

pub(super) fn triggers() -> Vec<Trigger> {
    vec![signs(secret_at)]
}

/// Of ids and names: a word right behind a colon is the name of an agent behind that of its plugin,
/// whatever the plugin is called.
pub(super) fn triggers_of_names() -> Vec<Trigger> {
    vec![signs(|text, sign| {
        let secret = secret_at(text, sign)?;
        let is_named = secret.start == sign + 1
            && text[sign] == b':'
            && is_wordy(&text[secret.start..secret.end]);
        (!is_named).then_some(secret)
    })]
}

fn signs(find: fn(&[u8], usize) -> Option<Secret>) -> Trigger {
    Trigger {
        first: (0..=u8::MAX).filter(|byte| is_before_sign(*byte)).collect(),
        second: vec![b':', b'='],
        find: Box::new(find),
    }
}

/// What a name ends with, and what may stand between it and the sign.
fn is_before_sign(byte: u8) -> bool {
    let is_of_word = byte.is_ascii_alphanumeric() || !byte.is_ascii();
    is_of_word || is_closing(byte) || matches!(byte, b'_' | b'-')
}

/// The value assigned by the sign at `sign`.
fn secret_at(text: &[u8], sign: usize) -> Option<Secret> {
    let name = &text[..name_end(text, sign)];
    if let Some(kind) = Kind::of_numbered(name).or_else(|| of_variable(text, name, sign)) {
        return value_at(text, name, sign, kind);
    }
    items_at(text, name, sign)
        .or_else(|| authorization_at(text, name, sign))
        .or_else(|| cookie_at(text, name, sign))
        .or_else(|| block::manifest_at(text, name, sign))
        .or_else(|| block::paired_at(text, name, sign))
        .or_else(|| block::defaulted_at(text, name, sign))
        .or_else(|| provider::secret_at(text, name, sign))
}

/// `PASS=…` is a variable, `pass=…` one that has a value of more than letters: the other signs
/// stand behind the result of a test.
fn of_variable(text: &[u8], name: &[u8], sign: usize) -> Option<Kind> {
    let before = name.len().checked_sub("pass".len())?;
    let is_word = has_word(name, before, "pass") && starts_word(name, before);
    let is_tight = text[sign] == b'=' && sign == name.len();
    if !is_word || !is_tight {
        return None;
    }
    let value = &text[sign + 1..bare_end(text, sign + 1)];
    let is_mixed = value.iter().any(u8::is_ascii_alphabetic) && has_digit(value);
    (name[before] == b'P' || is_mixed).then_some(Kind::Password)
}

/// The values of a name of many: `api_keys`, `passwords`.
fn items_at(text: &[u8], name: &[u8], sign: usize) -> Option<Secret> {
    let kind = Kind::of_items(name)?;
    let opening = value_start(text, sign)?;
    match text.get(opening.at) {
        Some(b'[') => block::list_at(text, opening.at, kind),
        _ if text[sign] == b':' => block::below(text, name, opening.at, kind),
        _ => None,
    }
}

fn value_at(text: &[u8], name: &[u8], sign: usize, kind: Kind) -> Option<Secret> {
    let items = items_at(text, name, sign);
    if items.is_some() {
        return items;
    }
    let opening = value_start(text, sign)?;
    let (end, is_secret) = match opening.quoted_end(text) {
        Some(end) => {
            let is_secret = is_secret_quoted(&text[opening.at..end], kind);
            (changed_end(text, end), is_secret)
        }
        None => {
            let end = bare_end(text, opening.at);
            let is_call = text.get(end) == Some(&b'(');
            let value = &text[opening.at..end];
            let is_secret = is_secret_bare(value, kind, opening.is_tight)
                || kind == Kind::Password && is_line(text, name, end) && is_long_placed(value);
            (end, !is_call && is_secret)
        }
    };
    is_secret.then_some(Secret {
        start: opening.at,
        end,
        kind: kind.text(),
    })
}

/// A word that is the whole value of a line, as in YAML.
fn is_long_placed(value: &[u8]) -> bool {
    const MIN_BYTES: usize = 6;
    value.len() >= MIN_BYTES && is_secret_placed(value, Kind::Password)
}

/// Whether a line has nothing but a name and the value that ends at `end`.
fn is_line(text: &[u8], name: &[u8], end: usize) -> bool {
    // First, so that a line is read once.
    if !matches!(
        text.get(end + run(text, end, is_blank)),
        None | Some(b'\n' | b'\r')
    ) {
        return false;
    }
    let is_of_name = |byte: &u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'"' | b'\'' | b'*')
    };
    let line = name.rsplit(|byte| *byte == b'\n').next().unwrap_or(name);
    let line = &line[run(line, 0, is_blank)..];
    let line = line.strip_prefix(b"- ").unwrap_or(line);
    line.iter().all(is_of_name) && !is_foreign(name)
}

/// The end of the name before a sign: before blanks and what closes a quotation.
fn name_end(text: &[u8], sign: usize) -> usize {
    let window = &text[sign.saturating_sub(MAX_CLOSING_BYTES)..sign];
    sign - window
        .iter()
        .rev()
        .take_while(|byte| is_closing(**byte))
        .count()
}

fn is_closing(byte: u8) -> bool {
    is_blank(byte) || is_quote(byte) || matches!(byte, b'\\' | b']' | b'*' | b'_')
}
