//! Changes fields and the prompt of a definition as cuts and insertions of text. Pure.
//!
//! The lines of the fields that are named change, and no other byte: a field that is new comes
//! last, a field that goes takes the comments within its lines with it. The result is read again,
//! and refused if it does not say what was asked, or says anything else than before.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::Value as Json;

use crate::frontmatter::{BYTE_ORDER_MARK, Frontmatter, is_blank};
use crate::reading::MAX_FRONTMATTER_BYTES;
use crate::yaml::{self, Node, Parsed, Value, flow};

/// A definition that says nothing yet.
const EMPTY: &[u8] = b"---\n---\n\n";

/// What is to be changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Edit {
    /// By their keys; null takes a field out.
    pub fields: Vec<(String, Json)>,
    pub prompt: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotEditable {
    #[error("the frontmatter must be at most {MAX_FRONTMATTER_BYTES} bytes")]
    TooLarge,
    #[error("the file is written so that this cannot be changed in its place: change it by hand")]
    AsWritten,
}

/// A span and what takes its place.
type Cut = (Range<usize>, String);

impl Edit {
    /// A new file.
    ///
    /// # Errors
    /// The frontmatter would be too large.
    pub fn file(&self) -> Result<Vec<u8>, NotEditable> {
        self.apply(EMPTY)
    }

    /// A file with the changes.
    ///
    /// # Errors
    /// The frontmatter would be too large, or the changes cannot be made in it.
    pub fn apply(&self, bytes: &[u8]) -> Result<Vec<u8>, NotEditable> {
        let whole = std::str::from_utf8(bytes).map_err(|_| NotEditable::AsWritten)?;
        let text = whole.strip_prefix(BYTE_ORDER_MARK).unwrap_or(whole);
        let before = Written::of(text)?;
        let edited = applied(text, before.cuts(self));
        before.check(self, &edited)?;
        let mark = &whole[..whole.len() - text.len()];
        Ok([mark, &edited].concat().into_bytes())
    }
}

/// A file, in parts.
struct Written<'t> {
    text: &'t str,
    found: Frontmatter,
    parsed: Parsed,
}

impl Written<'_> {
    fn of(text: &str) -> Result<Written<'_>, NotEditable> {
        let found = Frontmatter::find(text).ok_or(NotEditable::AsWritten)?;
        if found.yaml.len() > MAX_FRONTMATTER_BYTES {
            return Err(NotEditable::TooLarge);
        }
        let parsed = yaml::parse(text, found.yaml.clone()).map_err(|_| NotEditable::AsWritten)?;
        Ok(Written {
            text,
            found,
            parsed,
        })
    }

    fn entries(&self) -> &[(Node, Node)] {
        match &self.parsed.root.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// What it says by each key. The last one of a key counts.
    fn says(&self) -> BTreeMap<String, Value> {
        let said = self.entries().iter();
        said.map(|(key, node)| (shown(&key.value), node.value.clone()))
            .collect()
    }

    fn prompt(&self) -> &str {
        &self.text[self.found.body_start..]
    }

    fn line_end(&self) -> &'static str {
        match self.text[..self.found.yaml.start].ends_with("\r\n") {
            true => "\r\n",
            false => "\n",
        }
    }

    fn cuts(&self, edit: &Edit) -> Vec<Cut> {
        let mut cuts = Vec::new();
        let mut new = String::new();
        for (name, value) in &edit.fields {
            let of_name =
                |index: &usize| self.entries()[*index].0.value == Value::Text(name.clone());
            let mut known = (0..self.entries().len()).filter(of_name);
            if value.is_null() {
                cuts.extend(known.map(|index| (self.lines(index), String::new())));
                continue;
            }
            match known.next_back() {
                Some(index) => cuts.push(self.replacement(index, flow(value))),
                None => {
                    new += &format!(
                        "{}{name}: {}{}",
                        self.indent(),
                        flow(value),
                        self.line_end()
                    );
                }
            }
        }
        let end = self.found.yaml.end;
        if !new.is_empty() && !self.text[..end].ends_with('\n') {
            new.insert_str(0, self.line_end());
        }
        cuts.push((end..end, new));
        cuts.extend(edit.prompt.as_deref().map(|prompt| self.new_prompt(prompt)));
        cuts
    }

    /// Its lines begin as that of the first key does.
    fn indent(&self) -> &str {
        let Some((key, _)) = self.entries().first() else {
            return "";
        };
        let before = &self.text[line_start(self.text, key.at)..key.at];
        match before.trim_matches(' ').is_empty() {
            true => before,
            false => "",
        }
    }

    /// All lines of an entry. Blank lines behind it, and comments that are not within it, are not
    /// its own.
    fn lines(&self, index: usize) -> Range<usize> {
        let entries = self.entries();
        let start = line_start(self.text, entries[index].0.at);
        let next = entries.get(index + 1);
        let limit = next.map_or(self.found.yaml.end, |(key, _)| {
            line_start(self.text, key.at)
        });
        let depth = entries[index].0.at - start;
        let (mut at, mut end) = (start, start);
        for line in self.text[start..limit.max(start)].split_inclusive('\n') {
            at += line.len();
            let content = line.trim_start_matches([' ', '\t']);
            let is_within = line.len() - content.len() > depth || !content.starts_with('#');
            if at == start + line.len() || (is_within && !content.trim().is_empty()) {
                end = at;
            }
        }
        start..end
    }

    fn replacement(&self, index: usize, value: String) -> Cut {
        let (key, old) = &self.entries()[index];
        let lines = self.lines(index);
        let colon = self.text[key.end..].find(':').map_or(0, |at| key.end + at);
        let behind = colon + 1;
        if old.at < behind {
            return (behind..behind, format!(" {value}"));
        }
        let end = quoted_end(self.text, old.at).unwrap_or(old.end);
        let is_spaced = |gap: &str| !gap.is_empty() && gap.trim_matches([' ', '\t']).is_empty();
        let is_in_line = is_spaced(&self.text[behind..old.at])
            && end > old.at
            && !self.text[old.at..end].contains('\n');
        if is_in_line {
            return (old.at..end, value);
        }
        let whole = self.text[..lines.end].trim_end_matches(['\r', '\n']);
        (behind..whole.len().max(behind), format!(" {value}"))
    }

    fn new_prompt(&self, prompt: &str) -> Cut {
        let start = self.found.body_start;
        let mut new = prompt.to_owned();
        if !self.text[..start].ends_with('\n') {
            new.insert_str(0, self.line_end());
        }
        if !new.ends_with('\n') {
            new += self.line_end();
        }
        (start..self.text.len(), new)
    }

    fn check(&self, edit: &Edit, edited: &str) -> Result<(), NotEditable> {
        let after = Written::of(edited)?;
        let mut expected = self.says();
        for (name, value) in &edit.fields {
            let key = shown(&Value::Text(name.clone()));
            match value {
                Json::Null => drop(expected.remove(&key)),
                value => drop(expected.insert(key, value.into())),
            }
        }
        let prompt = edit.prompt.as_deref().unwrap_or(self.prompt());
        let is_as_asked = after.says() == expected
            && after.prompt().trim_matches(is_blank) == prompt.trim_matches(is_blank)
            && (after.parsed.lenient.is_none() || self.parsed.lenient.is_some());
        match is_as_asked {
            true => Ok(()),
            false => Err(NotEditable::AsWritten),
        }
    }
}

/// A key as text. One that is a list or a map has its place in it as well, and is the same only
/// where it stands.
fn shown(key: &Value) -> String {
    format!("{key:?}")
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |end| end + 1)
}

/// Behind the quote that closes a text in quotes.
fn quoted_end(text: &str, at: usize) -> Option<usize> {
    let mut chars = text[at..].char_indices();
    let quote = chars.next().map(|(_, c)| c);
    let quote = quote.filter(|c| matches!(c, '"' | '\''))?;
    let mut chars = chars.peekable();
    while let Some((index, c)) = chars.next() {
        if c == '\\' && quote == '"' {
            chars.next();
        } else if c == quote
            && chars
                .next_if(|(_, next)| quote == '\'' && *next == quote)
                .is_none()
        {
            return Some(at + index + c.len_utf8());
        }
    }
    None
}

fn applied(text: &str, mut cuts: Vec<Cut>) -> String {
    cuts.sort_by_key(|(span, _)| span.start);
    let mut edited = String::with_capacity(text.len());
    let mut at = 0;
    for (span, replacement) in cuts {
        edited.push_str(&text[at.min(span.start)..span.start]);
        edited.push_str(&replacement);
        at = at.max(span.end);
    }
    edited.push_str(&text[at..]);
    edited
}
