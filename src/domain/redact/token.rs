//! Tokens that show what they are: by a provider's prefix, or by their form.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::forms::{FORMS, Form, is_dotted_slug, is_hex, is_slug};
use super::trigger::Trigger;
use super::{Secret, run, starts_word};

/// A header is at most a few hundred bytes; the cap keeps a text of nothing but starts linear.
const MAX_JWT_HEADER_BYTES: usize = 512;
const MIN_JWT_HEADER_BYTES: usize = 16;
const TELEGRAM_ID_DIGITS: RangeInclusive<usize> = 6..=12;
/// Of 35.
const MIN_TELEGRAM_SECRET_BYTES: usize = 30;
const TWILIO_HEX_BYTES: usize = 32;
const AZURE_START_BYTES: usize = 4;
const AZURE_BYTES: RangeInclusive<usize> = 36..=42;

pub(super) fn triggers() -> Vec<Trigger> {
    let mut by_second: BTreeMap<u8, Vec<&Form>> = BTreeMap::new();
    for form in FORMS {
        by_second.entry(form.trigger()[1]).or_default().push(form);
    }
    let forms = by_second.into_iter().map(|(second, forms)| Trigger {
        first: forms.iter().map(|form| form.trigger()[0]).collect(),
        second: vec![second],
        find: Box::new(move |text, at| {
            let first = *text.get(at.checked_sub(1)?)?;
            let mut of_pair = forms.iter().filter(|form| form.trigger()[0] == first);
            of_pair.find_map(|form| form.secret_at(text, at))
        }),
    });
    let others = [
        Trigger {
            first: vec![b'y'],
            second: vec![b'J'],
            find: Box::new(jwt_at),
        },
        Trigger {
            first: vec![b'S'],
            second: vec![b'K'],
            find: Box::new(twilio_key_at),
        },
        Trigger {
            first: (b'0'..=b'9').collect(),
            second: vec![b':'],
            find: Box::new(telegram_token_at),
        },
        Trigger {
            first: (b'0'..=b'9').collect(),
            second: vec![b'Q'],
            find: Box::new(azure_secret_at),
        },
    ];
    forms.chain(others).collect()
}

impl Form {
    fn trigger(&self) -> [u8; 2] {
        let prefix = self.prefix.as_bytes();
        [prefix[self.rare_at - 1], prefix[self.rare_at]]
    }

    fn secret_at(&self, text: &[u8], rare: usize) -> Option<Secret> {
        let start = rare.checked_sub(self.rare_at)?;
        if !starts_word(text, start) || !text[start..].starts_with(self.prefix.as_bytes()) {
            return None;
        }
        let from = start + self.prefix.len();
        let end = without_dots(text, from + run(text, from, self.body));
        let is_token = end >= from + self.min_body_bytes
            && ends_word(text, end)
            && (self.needs)(&text[from..end]);
        is_token.then_some(Secret {
            start,
            end,
            kind: self.kind,
        })
    }
}

/// Three parts in base64, joined by dots, of which the first two are JSON objects: `eyJ` is
/// `{"`. The last part may be cut off.
fn jwt_at(text: &[u8], rare: usize) -> Option<Secret> {
    let start = rare
        .checked_sub("ey".len())
        .filter(|start| text[*start] == b'e')?;
    let window = &text[..text.len().min(start + MAX_JWT_HEADER_BYTES)];
    let header = run(window, start, is_slug);
    let is_jwt = header >= MIN_JWT_HEADER_BYTES
        && starts_word(text, start)
        && text[start + header..].starts_with(b".eyJ");
    is_jwt.then(|| {
        let end = start + run(text, start, is_dotted_slug);
        Secret {
            start,
            end: without_dots(text, end),
            kind: "jwt",
        }
    })
}

fn twilio_key_at(text: &[u8], rare: usize) -> Option<Secret> {
    let start = rare - 1;
    let end = rare + 1 + run(text, rare + 1, is_hex);
    let is_key = end - start == "SK".len() + TWILIO_HEX_BYTES
        && starts_word(text, start)
        && ends_word(text, end);
    is_key.then_some(Secret {
        start,
        end,
        kind: "twilio-key",
    })
}

/// A bot's number, a colon and its secret; in addresses the number follows `bot`.
fn telegram_token_at(text: &[u8], colon: usize) -> Option<Secret> {
    // Most colons after a digit are those of times.
    if text.len() - colon <= MIN_TELEGRAM_SECRET_BYTES {
        return None;
    }
    let before = &text[colon.saturating_sub(*TELEGRAM_ID_DIGITS.end() + 1)..colon];
    let digits = before
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let start = colon - digits;
    let end = colon + 1 + run(text, colon + 1, is_slug);
    let is_token = TELEGRAM_ID_DIGITS.contains(&digits)
        && end - colon > MIN_TELEGRAM_SECRET_BYTES
        && (starts_word(text, start) || text[..start].ends_with(b"bot"));
    is_token.then_some(Secret {
        start,
        end,
        kind: "telegram-token",
    })
}

/// The secret of an application: three characters, a digit, `Q~` and 31 more.
fn azure_secret_at(text: &[u8], rare: usize) -> Option<Secret> {
    let start = rare.checked_sub(AZURE_START_BYTES)?;
    let end = without_dots(text, start + run(text, start, is_azure));
    let is_secret = text.get(rare + 1) == Some(&b'~')
        && (start == 0 || !is_azure(text[start - 1]))
        && AZURE_BYTES.contains(&(end - start));
    is_secret.then_some(Secret {
        start,
        end,
        kind: "azure-secret",
    })
}

fn is_azure(byte: u8) -> bool {
    is_dotted_slug(byte) || byte == b'~'
}

fn ends_word(text: &[u8], end: usize) -> bool {
    text.get(end)
        .is_none_or(|byte| !byte.is_ascii_alphanumeric())
}

/// The end without the dots that end a sentence.
fn without_dots(text: &[u8], end: usize) -> usize {
    text[..end]
        .iter()
        .rposition(|byte| *byte != b'.')
        .map_or(0, |last| last + 1)
}
