//! Addresses of people.

use super::Secret;

/// As long as SMTP allows.
const MAX_LOCAL_BYTES: usize = 64;
const MAX_DOMAIN_BYTES: usize = 255;
/// Accounts that are no person.
const SERVICES: [&[u8]; 3] = [b"git", b"noreply", b"no-reply"];
/// What stands in the place of a top-level domain in names of units and of pictures for screens of
/// a higher density.
const NOT_DOMAINS: [&[u8]; 9] = [
    b"service", b"socket", b"timer", b"target", b"slice", b"scope", b"png", b"jpg", b"svg",
];

/// The address around the `@` at `at`. What stands before the `@` of an URL is an account, and a
/// version is no domain.
pub(super) fn address_at(text: &[u8], at: usize) -> Option<Secret> {
    let before = &text[at.saturating_sub(MAX_LOCAL_BYTES + 1)..at];
    let is_local = |byte: &u8| byte.is_ascii_alphanumeric() || b"._%+-".contains(byte);
    let local_bytes = before
        .iter()
        .rev()
        .take_while(|byte| is_local(byte))
        .count();
    let mut start = at - local_bytes;
    while start < at && !text[start].is_ascii_alphanumeric() {
        start += 1;
    }
    let local = &text[start..at];
    let is_of_url = start > 0 && matches!(text[start - 1], b'/' | b':' | b'@' | b']');
    if local.is_empty() || local_bytes > MAX_LOCAL_BYTES || is_of_url || SERVICES.contains(&local) {
        return None;
    }
    let rest = &text[at + 1..text.len().min(at + 1 + MAX_DOMAIN_BYTES)];
    let is_domain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    let run = rest.iter().take_while(|byte| is_domain(byte)).count();
    let last = rest[..run].iter().rposition(u8::is_ascii_alphanumeric)?;
    let domain = &rest[..=last];
    is_mail_domain(domain).then_some(Secret {
        start,
        end: at + 1 + domain.len(),
        kind: "email",
    })
}

fn is_mail_domain(domain: &[u8]) -> bool {
    let labels: Vec<&[u8]> = domain.split(|byte| *byte == b'.').collect();
    let [first, .., last] = labels.as_slice() else {
        return false;
    };
    let is_number = |label: &[u8]| label.iter().all(u8::is_ascii_digit);
    let is_version = is_number(first) && labels.len() > 2 && is_number(labels[1]);
    last.len() >= 2
        && last.iter().all(u8::is_ascii_alphabetic)
        && labels.iter().all(|label| !label.is_empty())
        && !is_version
        && !NOT_DOMAINS.contains(last)
}
