//! Takes secrets out of text before it is kept, logged or shown.
//!
//! Every kind of secret has two neighbouring bytes of which the second is seldom in clean
//! text: its trigger. The text is walked once for those; only where one stands are the bytes
//! around it read, with bounded steps back, so that the time is linear in the text and very
//! short where it is clean. Searching for literal starts of the forms with a
//! regular expression took several times as long on the short strings events are made of.

#![warn(clippy::disallowed_methods)]

mod assignment;
mod block;
mod credential;
mod email;
mod encoded;
mod flag;
mod forms;
mod hash;
mod home;
mod kind;
mod markup;
mod pair;
mod private_key;
mod provider;
mod secret_name;
mod shell;
mod stack;
mod token;
mod trigger;
mod value;
mod view;
mod words;

use std::borrow::Cow;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

use trigger::{Trigger, Triggers};
use view::{may_stand_for_other, views};

pub use home::without_homes;
pub use secret_name::{SecretName, secret_name};
pub use stack::{is_stack, top_frames, top_of_stacks};

/// `x://:p@`, the shortest text with a secret.
const MIN_TEXT_BYTES: usize = 7;
/// A secret that stands beside another may show only when that one is gone. One more round
/// finds it; the rest is a margin, and the last of all rounds changes nothing.
const MAX_ROUNDS: usize = 8;
const MARK: &str = "[redacted:";

/// What is looked for.
struct Rules {
    /// Secrets that show by themselves what they are.
    evident: Triggers,
    /// Values that are known by what stands around them.
    named: Triggers,
    /// Both, to find in one walk that a text is clean.
    all: Triggers,
}

static OF_TEXTS: LazyLock<Rules> = LazyLock::new(|| Rules::with(assignment::triggers));
static OF_NAMES: LazyLock<Rules> = LazyLock::new(|| Rules::with(assignment::triggers_of_names));

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
/// `credentials`, `cookie`, `private-key`, `email`, `encoded` for base64 that has a secret in it, and
/// by the name a value is assigned to `password`, `secret`, `token`, `api-key`. Values under a
/// name of secrets are known as such only where both stand in one text; for those that stand alone
/// see [`secret_name`]. A token that was cut before it came here may be too short to be known:
/// redact first, cut afterwards.
pub fn redact(text: &str) -> Cow<'_, str> {
    redact_by(text, &OF_TEXTS, 0)
}

/// An id or a name with its secrets marked, as [`redact`] does: only that the word behind one colon
/// is no value, as in `design-token:auditor-v2`.
pub fn redact_name(name: &str) -> Cow<'_, str> {
    redact_by(name, &OF_NAMES, 0)
}

/// `depth` is how often the text was encoded in another.
fn redact_by<'a>(text: &'a str, rules: &Rules, depth: usize) -> Cow<'a, str> {
    let mut clean = Cow::Borrowed(text);
    if text.len() < MIN_TEXT_BYTES {
        return clean;
    }
    // A mark may lay bare the next address, which was joined to the one before, and it may end what
    // was no secret for what stood behind it.
    for _ in 0..MAX_ROUNDS {
        let mut is_changed = false;
        let mut take = |next: Option<String>, clean: &mut Cow<str>| {
            if let Some(next) = next {
                *clean = Cow::Owned(next);
                is_changed = true;
            }
        };
        take(rules.without_secrets(&clean), &mut clean);
        let has = signs(&clean);
        if has & OTHERS != 0 {
            take(rules.without_hidden(&clean), &mut clean);
        }
        if has & CAPITALS != 0 && depth < encoded::MAX_DEPTH {
            take(without_encoded(&clean, depth), &mut clean);
        }
        if has & AT != 0 && !keeps_emails() {
            take(marked(&clean, &EMAILS), &mut clean);
        }
        if !is_changed {
            break;
        }
    }
    clean
}

/// Signs without which a text has no address, nothing that stands for something else, and no
/// base64 of a text.
const AT: u8 = 1;
const OTHERS: u8 = 2;
const CAPITALS: u8 = 4;

static SIGNS: [u8; 256] = {
    let mut signs = [0; 256];
    let mut at = 0;
    while at < signs.len() {
        let byte = at as u8;
        if byte == b'@' {
            signs[at] |= AT;
        }
        if may_stand_for_other(byte) {
            signs[at] |= OTHERS;
        }
        if byte.is_ascii_uppercase() {
            signs[at] |= CAPITALS;
        }
        at += 1;
    }
    signs
};

/// Which of the signs a text has.
fn signs(text: &str) -> u8 {
    let of = text.bytes().map(|byte| SIGNS[usize::from(byte)]);
    of.fold(0, |all, one| all | one)
}

fn keeps_emails() -> bool {
    KEEPS_EMAILS.load(Ordering::Relaxed)
}

impl Rules {
    fn with(assignments: fn() -> Vec<Trigger>) -> Self {
        let named = || named().into_iter().chain(assignments());
        Self {
            evident: Triggers::new(evident()),
            named: Triggers::new(named().collect()),
            all: Triggers::new(evident().into_iter().chain(named()).collect()),
        }
    }

    /// `None` where there are none.
    fn without_secrets(&self, text: &str) -> Option<String> {
        self.all.next(text.as_bytes(), 0)?;
        let mut clean = None;
        for _ in 0..MAX_ROUNDS {
            // What a secret is says more than the name it is assigned to, so that comes first.
            let present = clean.as_deref().unwrap_or(text);
            let evident = marked(present, &self.evident);
            let named = marked(evident.as_deref().unwrap_or(present), &self.named);
            let Some(next) = named.or(evident) else { break };
            clean = Some(next);
        }
        clean
    }

    /// The text without the secrets that show only in a view of it; `None` where there are none.
    fn without_hidden(&self, text: &str) -> Option<String> {
        for view in views(text) {
            let emails = (!keeps_emails()).then_some(&*EMAILS);
            let triggers = [Some(&self.evident), Some(&self.named), emails];
            for triggers in triggers.into_iter().flatten() {
                let found = triggers.all(&view.text);
                let found = found.iter().map(|secret| view.in_text(secret, text));
                if let Some(clean) = with_marks(text, found) {
                    return Some(clean);
                }
            }
        }
        None
    }
}

fn evident() -> Vec<Trigger> {
    token::triggers()
        .into_iter()
        .chain(private_key::triggers())
        .collect()
}

fn named() -> Vec<Trigger> {
    credential::triggers()
        .into_iter()
        .chain(markup::triggers())
        .chain(words::triggers())
        .chain(shell::triggers())
        .chain([flag::trigger(), hash::trigger(), pair::trigger()])
        .collect()
}

/// The text without base64 of texts that have a secret, or `None` when it has none.
fn without_encoded(text: &str, depth: usize) -> Option<String> {
    let has_secret = |inner: &str| matches!(redact_by(inner, &OF_TEXTS, depth + 1), Cow::Owned(_));
    with_marks(text, encoded::secrets(text.as_bytes(), has_secret))
}

/// The text with its secrets marked, or `None` when it has none.
fn marked(text: &str, triggers: &Triggers) -> Option<String> {
    with_marks(text, triggers.all(text.as_bytes()))
}

/// The text with a mark in the place of each of these, or `None` when there are none.
fn with_marks(text: &str, secrets: impl IntoIterator<Item = Secret>) -> Option<String> {
    let mut marked = String::new();
    let mut copied = 0;
    for secret in secrets {
        // In a view, two may stand for parts of one character.
        if secret.start < copied {
            continue;
        }
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
    let length = rest.iter().position(|byte| !class(*byte));
    walked(length.unwrap_or(rest.len()))
}

/// So many bytes were read. A test counts them: for whatever text, they grow as the text does.
fn walked(bytes: usize) -> usize {
    #[cfg(test)]
    tests::count(bytes);
    bytes
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
