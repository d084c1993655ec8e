//! Where the frontmatter of a file is, by the rule of the client: it begins with `---` on the first
//! line, and ends at the next `---`, wherever that stands.

use std::ops::Range;

pub const DASHES: &str = "---";
pub const BYTE_ORDER_MARK: char = '\u{feff}';

#[derive(Debug, PartialEq, Eq)]
pub struct Frontmatter {
    pub yaml: Range<usize>,
    pub body_start: usize,
    /// The `---` that ends it stands within a line of it, which therefore was cut.
    pub is_cut: bool,
}

impl Frontmatter {
    /// Of a text without a byte order mark. Returns `None` if it has none, or one without an end.
    pub fn find(text: &str) -> Option<Frontmatter> {
        let start = start(text)?;
        let end = start + text[start..].find(DASHES)?;
        let after = end + DASHES.len();
        let rest = &text[after..];
        let blanks = rest.len() - rest.trim_start_matches(is_blank).len();
        let is_first = text[..end].ends_with('\n') || end == start;
        Some(Frontmatter {
            yaml: start..end,
            body_start: after + blanks,
            is_cut: !is_first || (!is_alone(rest) && rest.lines().any(is_end)),
        })
    }

    /// Whether a text seems to have one that does not end: its author means an agent, the client
    /// sees a document.
    pub fn is_open(text: &str) -> bool {
        let Some(start) = start(text) else {
            return false;
        };
        !text[start..].contains(DASHES)
            && text[start..].lines().any(|line| line.starts_with("name:"))
    }
}

/// Behind the first line, and the blank ones that follow it.
fn start(text: &str) -> Option<usize> {
    let rest = text.strip_prefix(DASHES)?;
    let blanks = &rest[..rest.len() - rest.trim_start_matches(is_blank).len()];
    Some(DASHES.len() + blanks.rfind('\n')? + 1)
}

fn is_alone(rest: &str) -> bool {
    let line = rest.split('\n').next().unwrap_or_default();
    line.trim_matches(is_blank).is_empty()
}

fn is_end(line: &str) -> bool {
    line.trim_end_matches(is_blank) == DASHES
}

/// White space as JavaScript means it.
pub fn is_blank(c: char) -> bool {
    (c.is_whitespace() && c != '\u{85}') || c == BYTE_ORDER_MARK
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<(&str, &str, bool)> {
        Frontmatter::find(text)
            .map(|found| (&text[found.yaml], &text[found.body_start..], found.is_cut))
    }

    #[test]
    fn it_ends_at_the_next_dashes() {
        for (text, expected) in [
            ("---\na: b\n---\nbody", Some(("a: b\n", "body", false))),
            (
                "---\r\na: b\r\n---\r\nbody",
                Some(("a: b\r\n", "body", false)),
            ),
            ("---  \n\n \na: b\n---", Some(("a: b\n", "", false))),
            ("---\n---\nbody", Some(("", "body", false))),
            ("---\na: b\n----\nbody", Some(("a: b\n", "-\nbody", false))),
            ("---\na: b\n--- x\nbody", Some(("a: b\n", "x\nbody", false))),
            ("---\na: b --- c\n---\n", Some(("a: b ", "c\n---\n", true))),
            ("---\n---x: b\n---\n", Some(("", "x: b\n---\n", true))),
            ("---\na: b\n", None),
            ("----\na: b\n---\n", None),
            (" ---\na: b\n---\n", None),
            ("---\ra: b\r---\r", None),
            ("# title\n---\na: b\n---\n", None),
            ("", None),
        ] {
            assert_eq!(found(text), expected, "{text:?}");
        }
    }
}
