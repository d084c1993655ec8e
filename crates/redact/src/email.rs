//! Addresses of people.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

use super::mark::Secret;
use super::trigger::{Trigger, Triggers};

/// As long as SMTP allows.
const MAX_LOCAL_BYTES: usize = 64;
const MAX_DOMAIN_BYTES: usize = 255;
/// Accounts that are no person.
const SERVICES: [&str; 3] = ["git", "noreply", "no-reply"];
/// What stands in the place of a top-level domain in names of units and of pictures for screens of
/// a higher density.
const NOT_DOMAINS: [&str; 9] = [
    "service", "socket", "timer", "target", "slice", "scope", "png", "jpg", "svg",
];

pub(super) static EMAILS: LazyLock<Triggers> = LazyLock::new(|| {
    let letters = (0..=u8::MAX).filter(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii());
    Triggers::new(vec![Trigger {
        first: letters.chain(*b"._%+-").collect(),
        second: vec![b'@'],
        find: Box::new(address_at),
    }])
});
/// One for the process: whatever cleans a text would have to carry it from the settings.
static KEEPS_EMAILS: AtomicBool = AtomicBool::new(false);

/// From here on, addresses of people are not redacted.
pub fn keep_emails() {
    KEEPS_EMAILS.store(true, Ordering::Relaxed);
}

pub(super) fn keeps_emails() -> bool {
    KEEPS_EMAILS.load(Ordering::Relaxed)
}

/// The address around the `@` at `at`, in letters of any script. What stands before the `@` of an
/// URL is an account, and a version is no domain.
fn address_at(text: &[u8], at: usize) -> Option<Secret> {
    let window = &text[at.saturating_sub(MAX_LOCAL_BYTES + 1)..at];
    let first = window.iter().position(|byte| !is_within_char(*byte))?;
    let before = std::str::from_utf8(&window[first..]).ok()?;
    let is_local = |char: char| is_letter(char) || "._%+-".contains(char);
    let local = &before[before.trim_end_matches(is_local).len()..];
    if local.len() + first > MAX_LOCAL_BYTES {
        return None;
    }
    let local = local.trim_start_matches(|char: char| !is_letter(char));
    let start = at - local.len();
    let is_of_url = start > 0 && matches!(text[start - 1], b'/' | b':' | b'@' | b']');
    if local.is_empty() || is_of_url || SERVICES.contains(&local) {
        return None;
    }
    let domain = domain_at(text, at + 1)?;
    is_mail_domain(domain).then_some(Secret {
        start,
        end: at + 1 + domain.len(),
        kind: "email",
    })
}

/// The letters, digits, dots and dashes at `at`, without what ends a sentence.
fn domain_at(text: &[u8], at: usize) -> Option<&str> {
    let mut end = text.len().min(at + MAX_DOMAIN_BYTES);
    while end < text.len() && end > at && is_within_char(text[end]) {
        end -= 1;
    }
    let rest = std::str::from_utf8(&text[at..end]).ok()?;
    let other = rest.find(|char: char| !is_letter(char) && char != '.' && char != '-');
    let domain = &rest[..other.unwrap_or(rest.len())];
    let domain = domain.trim_end_matches(['.', '-']);
    (!domain.is_empty()).then_some(domain)
}

fn is_mail_domain(domain: &str) -> bool {
    let labels: Vec<&str> = domain.split('.').collect();
    let [first, .., last] = labels.as_slice() else {
        return false;
    };
    let is_number = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
    let is_version = is_number(first) && labels.len() > 2 && is_number(labels[1]);
    // Of another script, written in ASCII.
    let is_encoded = last.starts_with("xn--");
    let is_word = |char: char| char.is_ascii_alphabetic() || !char.is_ascii();
    last.chars().nth(1).is_some()
        && (is_encoded || last.chars().all(is_word))
        && labels.iter().all(|label| !label.is_empty())
        && !is_version
        && !NOT_DOMAINS.contains(last)
}

/// Letters and digits, and the signs that some scripts put on or between them.
fn is_letter(char: char) -> bool {
    char.is_alphanumeric()
        || matches!(char, '\u{300}'..='\u{36f}' | '\u{93c}'..='\u{94d}' | '\u{200c}' | '\u{200d}')
}

/// Whether a byte is not the first one of a character.
fn is_within_char(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}
