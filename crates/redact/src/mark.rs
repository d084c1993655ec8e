//! Where a secret lies, and the mark that takes its place.

pub(super) const MARK: &str = "[redacted:";

/// Where a secret lies, in bytes. Both ends stand between characters.
pub(super) struct Secret {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) kind: &'static str,
}

/// The text with a mark in the place of each of these, or `None` when there are none.
pub(super) fn with_marks(text: &str, secrets: impl IntoIterator<Item = Secret>) -> Option<String> {
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
