//! All that is looked for, and a text without it.

use std::sync::LazyLock;

use super::email::{EMAILS, keeps_emails};
use super::mark::with_marks;
use super::trigger::{Trigger, Triggers};
use super::view::views;
use super::{assignment, credential, flag, hash, markup, pair, private_key, shell, token, words};

/// A secret that stands beside another may show only when that one is gone. One more round
/// finds it; the rest is a margin, and the last of all rounds changes nothing.
pub(super) const MAX_ROUNDS: usize = 8;

/// What is looked for.
pub(super) struct Rules {
    /// Secrets that show by themselves what they are.
    evident: Triggers,
    /// Values that are known by what stands around them.
    named: Triggers,
    /// Both, to find in one walk that a text is clean.
    all: Triggers,
}

pub(super) static OF_TEXTS: LazyLock<Rules> = LazyLock::new(|| Rules::with(assignment::triggers));
pub(super) static OF_NAMES: LazyLock<Rules> =
    LazyLock::new(|| Rules::with(assignment::triggers_of_names));

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
    pub(super) fn without_secrets(&self, text: &str) -> Option<String> {
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
    pub(super) fn without_hidden(&self, text: &str) -> Option<String> {
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

/// The text with its secrets marked, or `None` when it has none.
pub(super) fn marked(text: &str, triggers: &Triggers) -> Option<String> {
    with_marks(text, triggers.all(text.as_bytes()))
}
