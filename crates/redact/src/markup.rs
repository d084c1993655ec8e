//! Values in markup: the content of an element, the cell beside another in a table.

use super::bytes::{is_blank, run};
use super::credential::is_cookie;
use super::kind::Kind;
use super::mark::Secret;
use super::trigger::Trigger;
use super::value::{is_mixed, is_quote, is_secret_placed};

/// Longer than what is in an element that holds a secret.
const MAX_CONTENT_BYTES: usize = 1024;
const MAX_NAME_BYTES: usize = 64;
const MAX_TAG_BYTES: usize = 160;
const CDATA: &[u8] = b"<![CDATA[";

pub(super) fn triggers() -> Vec<Trigger> {
    let letters = (0..=u8::MAX).filter(u8::is_ascii_alphanumeric);
    vec![
        Trigger {
            first: letters.clone().chain(*b"\"'").collect(),
            second: vec![b'>'],
            find: Box::new(content_at),
        },
        Trigger {
            first: letters.chain(*b" \t*`_:\"'").collect(),
            second: vec![b'|'],
            find: Box::new(cell_at),
        },
    ]
}

/// The content of an element whose tag ends at `at`: `<password>…</password>`,
/// `<string name="api_key">…</string>`, or of the one after it, as in
/// `<key>password</key><string>…</string>`.
fn content_at(text: &[u8], at: usize) -> Option<Secret> {
    let from = at.saturating_sub(MAX_TAG_BYTES);
    let open = from + text[from..at].iter().rposition(|byte| *byte == b'<')?;
    let tag = &text[open + 1..at];
    let (kind, content) = if tag.starts_with(b"/") {
        let label = &text[from..open];
        let label = &label[label.iter().rposition(|byte| *byte == b'>')? + 1..];
        let next = at + 1 + run(text, at + 1, |byte| byte.is_ascii_whitespace());
        let window = &text[..text.len().min(next + MAX_NAME_BYTES)];
        let inner = next + run(window, next, |byte| byte != b'>') + 1;
        let is_tag = text.get(next) == Some(&b'<') && window.get(inner - 1) == Some(&b'>');
        (kind_of(label).filter(|_| is_tag)?, inner)
    } else {
        let attribute = tag.iter().rposition(|byte| *byte == b'=');
        let value = attribute.and_then(|sign| kind_of(tag[sign + 1..].trim_ascii()));
        let element = tag.split(u8::is_ascii_whitespace).next();
        (value.or_else(|| kind_of(element?))?, at + 1)
    };
    let content = content + run(text, content, |byte| byte.is_ascii_whitespace());
    let (start, end) = if text[content..].starts_with(CDATA) {
        let start = content + CDATA.len();
        (start, end_of(text, start, b']')?)
    } else {
        (content, end_of(text, content, b'<')?)
    };
    let value = text[start..end].trim_ascii_end();
    let is_prose = value.iter().filter(|byte| is_blank(**byte)).count() > 1;
    let is_secret = !is_prose && is_secret_placed(value, kind.unwrap_or(Kind::Secret));
    is_secret.then_some(Secret {
        start,
        end: start + value.len(),
        kind: kind.map_or("cookie", Kind::text),
    })
}

/// The kind of a name that is the whole of a tag, a label or a cell; `None` within is a cookie.
fn kind_of(name: &[u8]) -> Option<Option<Kind>> {
    let is_around = |byte: &u8| is_blank(*byte) || is_quote(*byte) || b"*:_".contains(byte);
    let first = name.iter().position(|byte| !is_around(byte))?;
    let last = name.iter().rposition(|byte| !is_around(byte))?;
    let name = &name[first..=last];
    let is_name_byte = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.: ".contains(byte);
    if name.len() > MAX_NAME_BYTES || !name.iter().all(is_name_byte) {
        return None;
    }
    // Alone, `pass` is how a test ended.
    if is_cookie(name) {
        return Some(None);
    }
    Kind::of_items(name).map(Some)
}

fn end_of(text: &[u8], at: usize, last: u8) -> Option<usize> {
    let window = &text[..text.len().min(at + MAX_CONTENT_BYTES)];
    let length = window.get(at..)?.iter().position(|byte| *byte == last)?;
    Some(at + length)
}

/// The cell after the sign at `sign` of a row `| password | … |`.
fn cell_at(text: &[u8], sign: usize) -> Option<Secret> {
    let from = sign.saturating_sub(MAX_NAME_BYTES + CDATA.len());
    let before = &text[from..sign];
    let label = before.iter().rposition(|byte| *byte == b'|')? + 1;
    let kind = kind_of(&before[label..])?.unwrap_or(Kind::Secret);
    let blanks = sign + 1 + run(text, sign + 1, |byte| is_blank(byte) || is_quote(byte));
    let window = &text[..text.len().min(blanks + MAX_CONTENT_BYTES)];
    let end = blanks + run(window, blanks, |byte| !matches!(byte, b'|' | b'\n'));
    let value = text[blanks..end].trim_ascii_end();
    let quotes = value
        .iter()
        .rev()
        .take_while(|byte| is_quote(**byte))
        .count();
    let value = value[..value.len() - quotes].trim_ascii_end();
    // A pipe of a shell is none of a row.
    let line_from = sign.saturating_sub(MAX_CONTENT_BYTES / 4);
    let line = text[line_from..sign].rsplit(|byte| *byte == b'\n').next()?;
    let is_row = line.trim_ascii_start().starts_with(b"|") && text.get(end) == Some(&b'|');
    let is_word = is_mixed(value) && !value.iter().any(|byte| is_blank(*byte));
    (is_row && is_word && is_secret_placed(value, kind)).then_some(Secret {
        start: blanks,
        end: blanks + value.len(),
        kind: kind.text(),
    })
}
