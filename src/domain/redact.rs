//! Takes secrets out of text before it is kept, logged or shown.
//!
//! Every kind of secret has two neighbouring bytes of which the second is seldom in clean
//! text: its trigger. The text is walked once for those; only where one stands are the bytes
//! around it read, with bounded steps back, so that the time is linear in the text and next
//! to nothing when it is clean. Searching for literal starts of the forms with a
//! regular expression took several times as long on the short strings events are made of.

mod assignment;
mod credential;
mod email;
mod forms;
mod home;
mod private_key;
mod stack;
mod telling;
mod token;
mod trigger;

use std::borrow::Cow;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

use trigger::{Trigger, Triggers};

pub use home::without_homes;
pub use stack::{is_stack, top_frames, top_of_stacks};
pub use telling::{Telling, telling};

/// `x://:p@`, the shortest text with a secret.
const MIN_TEXT_BYTES: usize = 7;
/// A secret that stands beside another may show only when that one is gone. One more round
/// finds it; the rest is a margin, and the last of all rounds changes nothing.
const MAX_ROUNDS: usize = 6;
const MARK: &str = "[redacted:";

/// Secrets that show by themselves what they are.
static EVIDENT: LazyLock<Triggers> = LazyLock::new(|| Triggers::new(evident()));
/// Values that are known by what stands around them.
static NAMED: LazyLock<Triggers> = LazyLock::new(|| Triggers::new(named()));
/// Both, to tell in one walk that a text is clean.
static ALL: LazyLock<Triggers> =
    LazyLock::new(|| Triggers::new(evident().into_iter().chain(named()).collect()));

/// Addresses of people.
static EMAILS: LazyLock<Triggers> = LazyLock::new(|| {
    let letters = (0..=u8::MAX).filter(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii());
    Triggers::new(vec![Trigger {
        first: letters.chain(*b"._%+-").collect(),
        second: vec![b'@'],
        find: Box::new(email::address_at),
    }])
});
/// One for the process: whatever cleans a text would have to carry it from the settings.
static KEEPS_EMAILS: AtomicBool = AtomicBool::new(false);

/// From here on, addresses of people are not redacted.
pub fn keep_emails() {
    KEEPS_EMAILS.store(true, Ordering::Relaxed);
}

/// The text with `[redacted:<kind>]` in place of what looks like a secret; borrowed when
/// nothing does. Redacting it again changes nothing.
///
/// Kinds are a provider's (`anthropic-key`, `github-token`, …), `jwt`, `bearer`,
/// `credentials`, `private-key`, `email`, and by the name a value is assigned to `password`,
/// `secret`, `token`, `api-key`. Values under a telling name are known as such only where
/// both stand in one text; for those that stand alone see [`telling`]. A token that was cut before it came here may be too short to be
/// known: redact first, cut afterwards.
pub fn redact(text: &str) -> Cow<'_, str> {
    if text.len() < MIN_TEXT_BYTES {
        return Cow::Borrowed(text);
    }
    let mut clean = Cow::Borrowed(text);
    // A mark may lay bare the next address, which was joined to the one before, and it may end what
    // was no secret for what stood behind it.
    for _ in 0..MAX_ROUNDS {
        if let Some(next) = without_secrets(&clean) {
            clean = Cow::Owned(next);
        }
        if KEEPS_EMAILS.load(Ordering::Relaxed) {
            break;
        }
        let Some(next) = marked(&clean, &EMAILS) else {
            break;
        };
        clean = Cow::Owned(next);
    }
    clean
}

/// Nothing where there are none.
fn without_secrets(text: &str) -> Option<String> {
    ALL.next(text.as_bytes(), 0)?;
    let mut clean = None;
    for _ in 0..MAX_ROUNDS {
        // What a secret is says more than the name it is assigned to, so that comes first.
        let present = clean.as_deref().unwrap_or(text);
        let evident = marked(present, &EVIDENT);
        let named = marked(evident.as_deref().unwrap_or(present), &NAMED);
        let Some(next) = named.or(evident) else { break };
        clean = Some(next);
    }
    clean
}

fn evident() -> Vec<Trigger> {
    token::triggers()
        .into_iter()
        .chain([private_key::trigger()])
        .collect()
}

fn named() -> Vec<Trigger> {
    credential::triggers()
        .into_iter()
        .chain(assignment::triggers())
        .collect()
}

/// The text with its secrets marked, or `None` when it has none.
fn marked(text: &str, triggers: &Triggers) -> Option<String> {
    let mut marked = String::new();
    let mut copied = 0;
    while let Some(secret) = triggers.next(text.as_bytes(), copied) {
        marked.push_str(&text[copied..secret.start]);
        marked.push_str(MARK);
        marked.push_str(secret.kind);
        marked.push(']');
        copied = secret.end;
    }
    if copied == 0 {
        return None;
    }
    marked.push_str(&text[copied..]);
    Some(marked)
}

/// Where a secret lies, in bytes. Both ends stand between characters.
struct Secret {
    start: usize,
    end: usize,
    kind: &'static str,
}

/// How many bytes from `at` on are of a class.
fn run(text: &[u8], at: usize, class: fn(u8) -> bool) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    rest.iter()
        .position(|byte| !class(*byte))
        .unwrap_or(rest.len())
}

/// No letter or digit stands before `at`: what starts there is not the end of a word.
fn starts_word(text: &[u8], at: usize) -> bool {
    at == 0 || !text[at - 1].is_ascii_alphanumeric()
}

/// Whether these bytes stand at `at`, in any case.
fn has_word(text: &[u8], at: usize, word: &str) -> bool {
    text.get(at..at + word.len())
        .is_some_and(|found| found.eq_ignore_ascii_case(word.as_bytes()))
}

/// Whether a text ends with these bytes, in any case. Few texts do, so the last goes first.
fn ends_with_word(text: &[u8], word: &str) -> bool {
    let last = word.as_bytes().last();
    text.last().map(u8::to_ascii_lowercase).as_ref() == last
        && text.len() >= word.len()
        && has_word(text, text.len() - word.len(), word)
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

fn has_digit(text: &[u8]) -> bool {
    text.iter().any(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests;
