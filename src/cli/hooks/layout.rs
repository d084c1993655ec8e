//! The layout of inserted text: that of its surroundings.
//!
//! A container that we make has white space behind its opening bracket, always. What we put into an
//! empty one that was there stands right behind the bracket. So the text itself shows which of the
//! two is to go with its content, and no record of our own has to be kept in step with it.

use std::ops::Range;

use jsonc_parser::ast::Value;
use jsonc_parser::common::Ranged;

use super::document::EVENTS;
use super::json::{children, is_blank, members};

/// In seconds. The program needs 50 ms at most; what takes longer is a machine in trouble, and an
/// agent waits for it.
const TIMEOUT_S: u32 = 5;
const DEFAULT_UNIT: &str = "  ";

/// What stands between two neighbours, and within what is put beside them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layout {
    Lines {
        newline: &'static str,
        /// Of the neighbours.
        indent: String,
        /// One level more.
        unit: String,
        colon: &'static str,
    },
    Line {
        separator: String,
        colon: &'static str,
    },
}

/// JSON to be written. Texts and numbers are written already.
pub enum Piece {
    Object(Vec<(&'static str, Piece)>),
    Array(Vec<Piece>),
    Written(String),
}

/// The member `hooks`, for settings without it.
pub fn hooks(command: &str) -> Piece {
    Piece::Object(EVENTS.map(|event| (event, event_of(command))).into())
}

/// The value of an event, for hooks without it.
pub fn event_of(command: &str) -> Piece {
    Piece::Array(vec![group(command)])
}

/// A group of our own: one that is there may be of other tools.
pub fn group(command: &str) -> Piece {
    let text = |text: &str| Piece::Written(quoted(text));
    let handler = Piece::Object(vec![
        ("type", text("command")),
        ("command", text(command)),
        ("timeout", Piece::Written(TIMEOUT_S.to_string())),
    ]);
    Piece::Object(vec![
        ("matcher", text("")),
        ("hooks", Piece::Array(vec![handler])),
    ])
}

pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A file that there was not.
pub fn new_file(command: &str) -> String {
    let layout = Layout::Lines {
        newline: "\n",
        indent: String::new(),
        unit: DEFAULT_UNIT.to_owned(),
        colon: ": ",
    };
    let mut text = String::new();
    let settings = Piece::Object(vec![("hooks", hooks(command))]);
    layout.write(&settings, &mut text);
    text.push('\n');
    text
}

impl Layout {
    /// As the last of several neighbours stands, or the only one.
    pub fn of_neighbours(text: &str, root: &Value, children: &[Range<usize>]) -> Layout {
        let Some(last) = children.last() else {
            return Layout::line(text, root, None);
        };
        let before = blanks_before(text, last.start);
        match Layout::lines(text, root, before) {
            Some(lines) => lines,
            None if children.len() > 1 => Layout::line(text, root, Some(before)),
            None => Layout::line(text, root, None),
        }
    }

    /// Within an empty container that is the value of a member.
    pub fn within(text: &str, root: &Value, member_start: usize) -> Layout {
        let before = blanks_before(text, member_start);
        Layout::lines(text, root, before).unwrap_or_else(|| Layout::line(text, root, None))
    }

    /// One level deeper.
    pub fn deeper(&self) -> Layout {
        let mut deeper = self.clone();
        if let Layout::Lines { indent, unit, .. } = &mut deeper {
            indent.push_str(unit);
        }
        deeper
    }

    /// What stands between a comma, or a bracket, and what follows it.
    pub fn separator(&self) -> String {
        match self {
            Layout::Lines {
                newline, indent, ..
            } => format!("{newline}{indent}"),
            Layout::Line { separator, .. } => separator.clone(),
        }
    }

    pub fn write_member(&self, key: &str, value: &Piece, to: &mut String) {
        let (Layout::Lines { colon, .. } | Layout::Line { colon, .. }) = self;
        to.push_str(&quoted(key));
        to.push_str(colon);
        self.write(value, to);
    }

    pub fn write(&self, piece: &Piece, to: &mut String) {
        match piece {
            Piece::Written(text) => to.push_str(text),
            Piece::Object(members) => self.list("{", "}", members, to, |layout, member, to| {
                layout.write_member(member.0, &member.1, to);
            }),
            Piece::Array(items) => self.list("[", "]", items, to, |layout, item, to| {
                layout.write(item, to);
            }),
        }
    }

    fn list<T>(
        &self,
        open: &str,
        close: &str,
        all: &[T],
        to: &mut String,
        write: impl Fn(&Layout, &T, &mut String),
    ) {
        let deeper = self.deeper();
        // The mark of a container of ours, also where its surroundings have no white space.
        let (inner, end) = match self {
            Layout::Lines { .. } => (deeper.separator(), self.separator()),
            Layout::Line { .. } => (" ".to_owned(), " ".to_owned()),
        };
        to.push_str(open);
        to.push_str(&inner);
        for (index, one) in all.iter().enumerate() {
            if index > 0 {
                to.push(',');
                to.push_str(&deeper.separator());
            }
            write(&deeper, one, to);
        }
        to.push_str(&end);
        to.push_str(close);
    }

    /// When there is a line break before the neighbour.
    fn lines(text: &str, root: &Value, before: &str) -> Option<Layout> {
        let (head, indent) = before.rsplit_once('\n')?;
        Some(Layout::Lines {
            newline: if head.ends_with('\r') { "\r\n" } else { "\n" },
            indent: indent.to_owned(),
            unit: unit(text, root),
            colon: if has_spaces(text, root) { ": " } else { ":" },
        })
    }

    fn line(text: &str, root: &Value, separator: Option<&str>) -> Layout {
        let is_airy = has_spaces(text, root);
        let space = if is_airy { " " } else { "" };
        Layout::Line {
            separator: separator.unwrap_or(space).to_owned(),
            colon: if is_airy { ": " } else { ":" },
        }
    }
}

/// By which a level is indented: that of the first member.
fn unit(text: &str, root: &Value) -> String {
    let first = children(root).into_iter().next();
    let before = first.map_or("", |first| blanks_before(text, first.start));
    let unit = before.rsplit_once('\n').map(|(_, unit)| unit);
    unit.unwrap_or(DEFAULT_UNIT).to_owned()
}

/// Whether a colon is followed by white space: so are commas then.
fn has_spaces(text: &str, root: &Value) -> bool {
    let first = members(root).first();
    first.is_none_or(|first| text[..first.value.start()].ends_with(is_blank))
}

fn blanks_before(text: &str, at: usize) -> &str {
    let before = &text[..at];
    let kept = before.trim_end_matches(is_blank).len();
    &before[kept..]
}
