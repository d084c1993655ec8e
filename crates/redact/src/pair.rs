//! A name and its value as two texts in a row: `define('DB_PASSWORD', '…')`, a line of CSV.

use super::bytes::{has_digit, is_blank, run, walked};
use super::kind::Kind;
use super::mark::Secret;
use super::trigger::Trigger;
use super::value::{closing_quote, is_mixed, is_quote, is_secret_quoted, is_wordy};

const MAX_NAME_BYTES: usize = 64;
const MIN_VALUE_BYTES: usize = 8;

pub(super) fn trigger() -> Trigger {
    Trigger {
        first: b"\"'`".to_vec(),
        second: vec![b','],
        find: Box::new(secret_at),
    }
}

/// Behind the comma at `at`. Lists of names are of this form as well, so a value has a digit and is
/// no word.
fn secret_at(text: &[u8], at: usize) -> Option<Secret> {
    let quote = at.checked_sub(1)?;
    let from = quote.saturating_sub(MAX_NAME_BYTES);
    let window = &text[from..quote];
    let opening = window.iter().rposition(|byte| *byte == text[quote])?;
    walked(window.len() - opening);
    let kind = Kind::of_numbered(&window[opening + 1..])?;
    let value = at + 1 + run(text, at + 1, is_blank);
    let start = value + 1;
    let close = closing_quote(
        text,
        start,
        *text.get(value).filter(|byte| is_quote(**byte))?,
        false,
    )?;
    let value = &text[start..close];
    let is_secret = value.len() >= MIN_VALUE_BYTES
        && is_mixed(value)
        && has_digit(value)
        && !is_wordy(value)
        && is_secret_quoted(value, kind);
    is_secret.then_some(Secret {
        start,
        end: close,
        kind: kind.text(),
    })
}
