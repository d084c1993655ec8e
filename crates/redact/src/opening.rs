//! Where an assigned value starts, how it is quoted, and where the quotation ends.

use super::bytes::{is_blank, run};
use super::value::{closing_quote, is_quote};

const MAX_TYPE_BYTES: usize = 32;

/// Where a value starts, and how it was introduced.
pub(super) struct Opening {
    pub(super) at: usize,
    /// Right after `=`, as in settings and addresses; code and prose leave a blank.
    pub(super) is_tight: bool,
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
fn opening(text: &[u8], after_sign: usize, is_close: bool) -> Opening {
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

/// The end of what a quoted value becomes, as a plan of Terraform shows it: `"…" -> "…"`.
pub(super) fn changed_end(text: &[u8], end: usize) -> usize {
    let rest = text.get(end + 1..).unwrap_or_default();
    let is_arrow = rest.starts_with(b" -> \"") || rest.starts_with(b" => \"");
    let from = end + "\" -> \"".len();
    let close = is_arrow.then(|| closing_quote(text, from, b'"', false));
    close.flatten().unwrap_or(end)
}
