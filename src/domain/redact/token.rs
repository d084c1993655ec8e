//! Tokens that show what they are: by a provider's prefix, or by their form.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::trigger::Trigger;
use super::{Secret, has_digit, run, starts_word};

/// A header is at most a few hundred bytes; the cap keeps a text of nothing but starts linear.
const MAX_JWT_HEADER_BYTES: usize = 512;
const MIN_JWT_HEADER_BYTES: usize = 16;
const TELEGRAM_ID_DIGITS: RangeInclusive<usize> = 6..=12;
/// Of 35.
const MIN_TELEGRAM_SECRET_BYTES: usize = 30;
const TWILIO_HEX_BYTES: usize = 32;

/// A provider's form of token: a prefix and a body, longer than names with such a prefix
/// and mostly shorter than what is issued today.
struct Form {
    kind: &'static str,
    prefix: &'static str,
    /// Where in the prefix the rarer byte of its trigger is.
    rare_at: usize,
    body: fn(u8) -> bool,
    min_body_bytes: usize,
    /// Names are made of words; random characters have a digit among them.
    needs: fn(&[u8]) -> bool,
}

const fn form(
    kind: &'static str,
    prefix: &'static str,
    rare_at: usize,
    body: fn(u8) -> bool,
    min_body_bytes: usize,
    needs: fn(&[u8]) -> bool,
) -> Form {
    Form {
        kind,
        prefix,
        rare_at,
        body,
        min_body_bytes,
        needs,
    }
}

/// Where forms share a start, the longer prefix comes first.
#[rustfmt::skip]
static FORMS: &[Form] = &[
    form("anthropic-key", "sk-ant-", 2, is_slug, 16, has_digit),
    form("openai-key", "sk-proj-", 2, is_slug, 16, has_digit),
    form("openai-key", "sk-svcacct-", 2, is_slug, 16, has_digit),
    form("openai-key", "sk-admin-", 2, is_slug, 16, has_digit),
    form("openai-key", "sk-None-", 2, is_slug, 16, has_digit),
    form("openrouter-key", "sk-or-", 2, is_slug, 16, has_digit),
    form("openai-key", "sk-", 2, is_alphanumeric, 20, has_digit),
    form("stripe-key", "sk_live_", 2, is_alphanumeric, 10, anything),
    form("stripe-key", "rk_live_", 2, is_alphanumeric, 10, anything),
    form("stripe-key", "sk_test_", 2, is_alphanumeric, 16, has_digit),
    form("stripe-key", "rk_test_", 2, is_alphanumeric, 16, has_digit),
    form("aws-key", "AKIA", 2, is_upper_or_digit, 16, anything),
    form("aws-key", "ASIA", 2, is_upper_or_digit, 16, anything),
    form("github-token", "github_pat_", 6, is_word, 20, has_digit),
    form("github-token", "ghp_", 3, is_word, 20, has_digit),
    form("github-token", "gho_", 3, is_word, 20, has_digit),
    form("github-token", "ghs_", 3, is_word, 20, has_digit),
    form("github-token", "ghu_", 3, is_word, 20, has_digit),
    form("github-token", "ghr_", 3, is_word, 20, has_digit),
    form("gitlab-token", "glpat-", 5, is_dotted_slug, 16, has_digit),
    form("slack-token", "xoxa-", 2, is_slug, 10, has_digit),
    form("slack-token", "xoxb-", 2, is_slug, 10, has_digit),
    form("slack-token", "xoxe-", 2, is_slug, 10, has_digit),
    form("slack-token", "xoxe.", 2, is_dotted_slug, 10, has_digit),
    form("slack-token", "xoxo-", 2, is_slug, 10, has_digit),
    form("slack-token", "xoxp-", 2, is_slug, 10, has_digit),
    form("slack-token", "xoxr-", 2, is_slug, 10, has_digit),
    form("slack-token", "xoxs-", 2, is_slug, 10, has_digit),
    form("slack-webhook", "hooks.slack.com/services/", 11, is_path, 16, anything),
    form("slack-webhook", "hooks.slack.com/workflows/", 11, is_path, 16, anything),
    form("slack-webhook", "hooks.slack.com/triggers/", 11, is_path, 16, anything),
    form("google-key", "AIza", 1, is_slug, 30, anything),
    form("agentpulse-key", "ap_", 2, is_hex, 32, anything),
    form("npm-token", "npm_", 3, is_alphanumeric, 30, anything),
    form("pypi-token", "pypi-", 4, is_slug, 32, has_digit_and_upper),
    form("huggingface-token", "hf_", 2, is_alphanumeric, 30, anything),
    form("sendgrid-key", "SG.", 1, is_dotted_slug, 32, has_digit),
    form("digitalocean-token", "dop_v1_", 3, is_hex, 32, anything),
    form("digitalocean-token", "doo_v1_", 3, is_hex, 32, anything),
    form("digitalocean-token", "dor_v1_", 3, is_hex, 32, anything),
];

pub(super) fn triggers() -> Vec<Trigger> {
    let mut by_pair: BTreeMap<[u8; 2], Vec<&Form>> = BTreeMap::new();
    for form in FORMS {
        by_pair.entry(form.trigger()).or_default().push(form);
    }
    let forms = by_pair.into_iter().map(|([first, second], forms)| Trigger {
        first: vec![first],
        second: vec![second],
        find: Box::new(move |text, at| forms.iter().find_map(|form| form.secret_at(text, at))),
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

fn is_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

fn is_upper_or_digit(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

fn is_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_slug(byte: u8) -> bool {
    is_word(byte) || byte == b'-'
}

fn is_dotted_slug(byte: u8) -> bool {
    is_slug(byte) || byte == b'.'
}

fn is_path(byte: u8) -> bool {
    is_word(byte) || byte == b'/'
}

fn anything(_: &[u8]) -> bool {
    true
}

fn has_digit_and_upper(body: &[u8]) -> bool {
    has_digit(body) && body.iter().any(u8::is_ascii_uppercase)
}
