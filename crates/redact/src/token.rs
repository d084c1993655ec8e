//! Tokens that show what they are: by a provider's prefix, or by their form.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::bytes::{run, starts_word};
use super::forms::{FORMS, Form, is_dotted_slug, is_slug};
use super::mark::Secret;
use super::trigger::Trigger;

/// A header is at most a few hundred bytes; the cap keeps a text of nothing but starts linear.
const MAX_JWT_HEADER_BYTES: usize = 512;
const MIN_JWT_HEADER_BYTES: usize = 16;
/// Of a token that may be longer; the cap keeps a text of nothing but prefixes linear.
const MAX_PROBE_BYTES: usize = 256;
const TELEGRAM_ID_DIGITS: RangeInclusive<usize> = 6..=12;
/// Of 35.
const MIN_TELEGRAM_SECRET_BYTES: usize = 30;
const TWILIO_HEX_BYTES: usize = 32;
const AZURE_START_BYTES: usize = 4;
const AZURE_BYTES: RangeInclusive<usize> = 36..=42;

pub(super) fn triggers() -> Vec<Trigger> {
    let mut by_second: BTreeMap<u8, BTreeMap<u8, Vec<&Form>>> = BTreeMap::new();
    for form in FORMS {
        let [first, second] = form.trigger();
        let of_second = by_second.entry(second).or_default();
        of_second.entry(first).or_default().push(form);
    }
    let forms = by_second.into_iter().map(|(second, mut by_first)| Trigger {
        first: by_first.keys().copied().collect(),
        second: vec![second],
        find: {
            let by_first: Vec<Vec<&Form>> = (0..=u8::MAX)
                .map(|first| by_first.remove(&first).unwrap_or_default())
                .collect();
            Box::new(move |text, at| {
                let first = *text.get(at.checked_sub(1)?)?;
                let mut forms = by_first[usize::from(first)].iter();
                forms.find_map(|form| form.secret_at(text, at))
            })
        },
    });
    let alphanumeric: Vec<u8> = (0..=u8::MAX).filter(u8::is_ascii_alphanumeric).collect();
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
        Trigger {
            first: (b'0'..=b'9').collect(),
            second: vec![b'|'],
            find: Box::new(facebook_token_at),
        },
        Trigger {
            first: vec![b'1'],
            second: vec![b'.'],
            find: Box::new(terraform_token_at),
        },
        Trigger {
            first: alphanumeric.clone(),
            second: vec![b'.'],
            find: Box::new(airtable_token_at),
        },
        Trigger {
            first: alphanumeric,
            second: vec![b'_', b'-'],
            find: Box::new(|text, at| {
                maxmind_key_at(text, at).or_else(|| mailchimp_key_at(text, at))
            }),
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
        let window = &text[..text.len().min(from + MAX_PROBE_BYTES)];
        let probe = from + run(window, from, self.body);
        let probe = without_dots(text, probe).max(from);
        if probe < from + self.min_body_bytes || !(self.needs)(&text[from..probe]) {
            return None;
        }
        // Only what shows by then that it is a token is read to its end.
        let end = without_dots(text, probe + run(text, probe, self.body));
        let is_token = ends_word(text, end);
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
    let end = rare + 1 + run(text, rare + 1, |byte| byte.is_ascii_hexdigit());
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
    let window = &text[..text.len().min(start + AZURE_BYTES.end() + 1)];
    let end = without_dots(text, start + run(window, start, is_azure));
    let is_secret = text.get(rare + 1) == Some(&b'~')
        && (start == 0 || !is_azure(text[start - 1]))
        && AZURE_BYTES.contains(&(end - start));
    is_secret.then_some(Secret {
        start,
        end,
        kind: "azure-secret",
    })
}

/// The number of an application and its secret.
fn facebook_token_at(text: &[u8], bar: usize) -> Option<Secret> {
    let before = &text[bar.saturating_sub(17)..bar];
    let digits = before
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let window = &text[..text.len().min(bar + 42)];
    let end = bar + 1 + run(window, bar + 1, is_slug);
    let is_token = (15..=16).contains(&digits) && (27..=40).contains(&(end - bar - 1));
    is_token.then_some(Secret {
        start: bar - digits,
        end,
        kind: "facebook-token",
    })
}

/// 14 characters, `.atlasv1.` and 60 more.
fn terraform_token_at(text: &[u8], dot: usize) -> Option<Secret> {
    const ID_BYTES: usize = 14;
    const MIN_SECRET_BYTES: usize = 40;
    let word = dot.checked_sub("atlasv1".len())?;
    let end = dot + 1 + run(text, dot + 1, is_slug);
    if !text[word..].starts_with(b"atlasv1") || end - dot <= MIN_SECRET_BYTES {
        return None;
    }
    let before = &text[word.saturating_sub(ID_BYTES + 1)..word];
    let id = before.strip_suffix(b".").unwrap_or_default();
    let letters = id
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_alphanumeric());
    let start = word - letters.count() - usize::from(!id.is_empty());
    Some(Secret {
        start,
        end,
        kind: "terraform-token",
    })
}

/// `pat`, 14 characters, a dot and 64 of hexadecimal.
fn airtable_token_at(text: &[u8], dot: usize) -> Option<Secret> {
    const HEX_BYTES: usize = 64;
    let start = dot.checked_sub("pat".len() + 14)?;
    let end = dot + 1 + HEX_BYTES;
    let is_token = text.get(dot + 1..end)?.iter().all(u8::is_ascii_hexdigit)
        && text[start..].starts_with(b"pat")
        && starts_word(text, start);
    is_token.then_some(Secret {
        start,
        end,
        kind: "airtable-token",
    })
}

/// Six characters, `_`, 29 characters and `_mmk`.
fn maxmind_key_at(text: &[u8], joint: usize) -> Option<Secret> {
    let suffix = joint + 1 + 29;
    let is_key = text[joint] == b'_'
        && text.get(suffix..suffix + 4) == Some(b"_mmk")
        && text[joint + 1..suffix]
            .iter()
            .all(u8::is_ascii_alphanumeric);
    let start = joint.checked_sub(6).filter(|_| is_key)?;
    starts_word(text, start).then_some(Secret {
        start,
        end: suffix + 4,
        kind: "maxmind-key",
    })
}

/// 32 of hexadecimal, and the data centre.
fn mailchimp_key_at(text: &[u8], joint: usize) -> Option<Secret> {
    const HEX_BYTES: usize = 32;
    if !text[joint..].starts_with(b"-us") {
        return None;
    }
    let start = joint.checked_sub(HEX_BYTES)?;
    let digits = run(text, joint + 3, |byte| byte.is_ascii_digit());
    let is_key = (1..=2).contains(&digits)
        && text[start..joint].iter().all(u8::is_ascii_hexdigit)
        && starts_word(text, start);
    is_key.then_some(Secret {
        start,
        end: joint + 3 + digits,
        kind: "mailchimp-key",
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
