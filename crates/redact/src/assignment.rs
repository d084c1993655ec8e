//! Values assigned to a name of secrets: `password=…`, `"api_key": "…"`, `token: …`.

use super::credential::{authorization_at, cookie_at};
use super::kind::{Kind, is_foreign};
use super::trigger::Trigger;
use super::value::{
    bare_end, closing_quote, is_quote, is_secret_bare, is_secret_placed, is_secret_quoted, is_wordy,
};
use super::{Secret, block, has_digit, has_word, is_blank, provider, run, starts_word};

const MAX_TYPE_BYTES: usize = 32;
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

/// The end of what a quoted value becomes, as a plan of Terraform shows it: `"…" -> "…"`.
pub(super) fn changed_end(text: &[u8], end: usize) -> usize {
    let rest = text.get(end + 1..).unwrap_or_default();
    let is_arrow = rest.starts_with(b" -> \"") || rest.starts_with(b" => \"");
    let from = end + "\" -> \"".len();
    let close = is_arrow.then(|| closing_quote(text, from, b'"', false));
    close.flatten().unwrap_or(end)
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

/// Where a value starts, and how it was introduced.
pub(super) struct Opening {
    pub(super) at: usize,
    /// Right after `=`, as in settings and addresses; code and prose leave a blank.
    is_tight: bool,
    pub(super) quote: Option<u8>,
    is_escaped: bool,
}

impl Opening {
    /// The closing quote, if the value has both.
    pub(super) fn quoted_end(&self, text: &[u8]) -> Option<usize> {
        closing_quote(text, self.at, self.quote?, self.is_escaped)
    }
}

/// The start of what is assigned by the sign at `sign`, which is `=`, `:`, `:=`, `=>` or `==`:
/// past blanks and an opening quote.
pub(super) fn value_start(text: &[u8], sign: usize) -> Option<Opening> {
    let after = sign + run(text, sign, |byte| matches!(byte, b'=' | b':' | b'>'));
    match &text[sign..after] {
        b":" => {
            let typed = end_of_type(text, after);
            Some(typed.unwrap_or_else(|| opening(text, after, false)))
        }
        b"=" | b":=" | b"=>" | b"==" | b"===" => {
            Some(opening(text, after, sign > 0 && !is_blank(text[sign - 1])))
        }
        _ => None,
    }
}

/// The start of a value from `after_sign` on.
pub(super) fn opening(text: &[u8], after_sign: usize, is_close: bool) -> Opening {
    // Between a bold name and its value stands what closes the bold: `**Password:** …`.
    let start = after_sign + run(text, after_sign, |byte| is_blank(byte) || byte == b'*');
    // In SQL, of national characters.
    let start = start + usize::from(text[start..].starts_with(b"N'"));
    let escapes = run(text, start, |byte| byte == b'\\');
    let quote = text
        .get(start + escapes)
        .copied()
        .filter(|byte| is_quote(*byte));
    Opening {
        at: if quote.is_some() {
            start + escapes + 1
        } else {
            start
        },
        is_tight: is_close && start == after_sign,
        quote,
        is_escaped: escapes > 0,
    }
}

/// Past the type and the sign of `name: type = value`.
fn end_of_type(text: &[u8], after_colon: usize) -> Option<Opening> {
    let window = &text[..text.len().min(after_colon + MAX_TYPE_BYTES)];
    let start = after_colon + run(window, after_colon, is_blank);
    let end = start
        + run(window, start, |byte| {
            byte.is_ascii_alphabetic() || byte == b'&'
        });
    let sign = end + run(window, end, is_blank);
    let is_typed = end > start && window[sign..].starts_with(b"= ");
    is_typed.then(|| opening(text, sign + 1, false))
}
