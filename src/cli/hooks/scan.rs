//! Where the values of a JSON text stand, to the byte.
//!
//! A parser that forgets white space, escapes and order cannot give them back; the settings belong
//! to somebody else, so their text is cut and joined, and never written anew.

use std::ops::Range;

/// What follows is refused rather than followed: a client's own parser gives up somewhere as well.
const MAX_DEPTH: usize = 128;

#[derive(Debug)]
pub struct Value {
    /// From its first byte.
    pub start: usize,
    /// Behind its last byte.
    pub end: usize,
    pub kind: Kind,
}

#[derive(Debug)]
pub enum Kind {
    Object(Vec<Member>),
    Array(Vec<Value>),
    /// Without its escapes; None where they are halves of a surrogate pair.
    Text(Option<String>),
    True,
    /// False, null or a number.
    Other,
}

#[derive(Debug)]
pub struct Member {
    pub key: Option<String>,
    pub key_span: Range<usize>,
    pub value: Value,
}

/// What is wrong with a text, and at which byte.
#[derive(Debug, PartialEq, Eq)]
pub struct Wrong {
    pub at: usize,
    pub reason: String,
}

impl Wrong {
    pub fn new(at: usize, reason: impl Into<String>) -> Wrong {
        Wrong {
            at,
            reason: reason.into(),
        }
    }

    /// `line 3 column 7: …`, both from 1, columns in characters.
    pub fn in_text(&self, text: &str) -> String {
        let before = &text[..self.at];
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|&c| c != '\n').count() + 1;
        format!("line {line} column {column}: {}", self.reason)
    }
}

impl Value {
    pub fn span(&self) -> Range<usize> {
        self.start..self.end
    }

    /// The spans of an object's members or of an array's items.
    pub fn children(&self) -> Vec<Range<usize>> {
        match &self.kind {
            Kind::Object(members) => members.iter().map(Member::span).collect(),
            Kind::Array(items) => items.iter().map(Value::span).collect(),
            _ => Vec::new(),
        }
    }
}

impl Member {
    pub fn span(&self) -> Range<usize> {
        self.key_span.start..self.value.end
    }
}

/// The one value that a text consists of.
///
/// # Errors
/// What is not JSON as RFC 8259 has it: no comments, no trailing commas.
pub fn scan(text: &str) -> Result<Value, Wrong> {
    let mut scanner = Scanner { text, at: 0 };
    scanner.blanks();
    let value = scanner.value(0)?;
    scanner.blanks();
    match scanner.peek() {
        None => Ok(value),
        Some(_) => Err(scanner.expected("the end of the file")),
    }
}

pub fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

struct Scanner<'a> {
    text: &'a str,
    /// Always at the beginning of a character.
    at: usize,
}

impl Scanner<'_> {
    fn value(&mut self, depth: usize) -> Result<Value, Wrong> {
        if depth > MAX_DEPTH {
            let reason = format!("nested more than {MAX_DEPTH} deep");
            return Err(Wrong::new(self.at, reason));
        }
        let start = self.at;
        let kind = match self.peek() {
            Some(b'{') => Kind::Object(self.members(depth)?),
            Some(b'[') => Kind::Array(self.items(depth)?),
            Some(b'"') => Kind::Text(self.string()?),
            Some(b't') => self.word("true", Kind::True)?,
            Some(b'f') => self.word("false", Kind::Other)?,
            Some(b'n') => self.word("null", Kind::Other)?,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            _ => return Err(self.expected("a value")),
        };
        Ok(Value {
            start,
            end: self.at,
            kind,
        })
    }

    fn members(&mut self, depth: usize) -> Result<Vec<Member>, Wrong> {
        self.list(b'}', "\",\" or \"}\"", |scanner| {
            let start = scanner.at;
            if scanner.peek() != Some(b'"') {
                return Err(scanner.expected("a key"));
            }
            let key = scanner.string()?;
            let key_span = start..scanner.at;
            scanner.blanks();
            if !scanner.take(b':') {
                return Err(scanner.expected("\":\""));
            }
            scanner.blanks();
            let value = scanner.value(depth + 1)?;
            Ok(Member {
                key,
                key_span,
                value,
            })
        })
    }

    fn items(&mut self, depth: usize) -> Result<Vec<Value>, Wrong> {
        self.list(b']', "\",\" or \"]\"", |scanner| scanner.value(depth + 1))
    }

    fn list<T>(
        &mut self,
        close: u8,
        separator: &str,
        mut one: impl FnMut(&mut Self) -> Result<T, Wrong>,
    ) -> Result<Vec<T>, Wrong> {
        self.at += 1;
        self.blanks();
        let mut all = Vec::new();
        if self.take(close) {
            return Ok(all);
        }
        loop {
            all.push(one(self)?);
            self.blanks();
            if self.take(close) {
                return Ok(all);
            }
            if !self.take(b',') {
                return Err(self.expected(separator));
            }
            self.blanks();
        }
    }

    fn string(&mut self) -> Result<Option<String>, Wrong> {
        let start = self.at;
        self.at += 1;
        let mut has_escapes = false;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    has_escapes = true;
                    self.escape()?;
                }
                Some(0x20..) => self.step(),
                Some(_) => return Err(Wrong::new(self.at, "a control character in a string")),
                None => return Err(Wrong::new(start, "a string without an end")),
            }
        }
        self.at += 1;
        let whole = &self.text[start..self.at];
        if has_escapes {
            return Ok(serde_json::from_str(whole).ok());
        }
        Ok(Some(whole[1..whole.len() - 1].to_owned()))
    }

    fn escape(&mut self) -> Result<(), Wrong> {
        let rest = &self.text.as_bytes()[self.at + 1..];
        let length = match rest {
            [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => 2,
            [b'u', digits @ ..]
                if digits.len() >= 4 && digits[..4].iter().all(u8::is_ascii_hexdigit) =>
            {
                6
            }
            _ => return Err(Wrong::new(self.at, "no such escape")),
        };
        self.at += length;
        Ok(())
    }

    fn word(&mut self, word: &str, kind: Kind) -> Result<Kind, Wrong> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.expected("a value"));
        }
        self.at += word.len();
        Ok(kind)
    }

    fn number(&mut self) -> Result<Kind, Wrong> {
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _ = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        Ok(Kind::Other)
    }

    fn digits(&mut self) -> Result<(), Wrong> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start {
            return Err(self.expected("a digit"));
        }
        Ok(())
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(is_blank) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        self.at += usize::from(is_there);
        is_there
    }

    fn step(&mut self) {
        let next = self.text[self.at..].chars().next();
        self.at += next.map_or(0, char::len_utf8);
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn expected(&self, what: &str) -> Wrong {
        let reason = match self.peek() {
            None => format!("the file ends, expected {what}"),
            Some(b'/') => format!("expected {what}; JSON has no comments"),
            Some(_) => format!("expected {what}"),
        };
        Wrong::new(self.at, reason)
    }
}

#[cfg(test)]
mod tests {
    use serde::de::IgnoredAny;

    use super::*;

    #[test]
    fn values_stand_where_they_stand() {
        let text = " {\"ä\\n\" : [ 1.5e-3,\"\\u0041\" ],\n\"b\":true } ";
        let root = scan(text).unwrap();
        assert_eq!(&text[root.span()], text.trim());
        let Kind::Object(members) = &root.kind else {
            panic!("{root:?}")
        };
        assert_eq!(members[0].key.as_deref(), Some("ä\n"));
        assert_eq!(&text[members[0].key_span.clone()], "\"ä\\n\"");
        let items: Vec<&str> = members[0]
            .value
            .children()
            .into_iter()
            .map(|span| &text[span])
            .collect();
        assert_eq!(items, ["1.5e-3", "\"\\u0041\""]);
        assert_eq!(&text[members[1].span()], "\"b\":true");
        assert!(matches!(members[1].value.kind, Kind::True));
    }

    #[test]
    fn what_is_wrong_is_named_by_line_and_column() {
        for (text, expect) in [
            ("", "line 1 column 1: the file ends, expected a value"),
            ("{\n  \"ä\": 1,\n}", "line 3 column 1: expected a key"),
            (
                "{\n  // why\n}",
                "line 2 column 3: expected a key; JSON has no comments",
            ),
            ("{\"ä\": 01}", "line 1 column 8: expected \",\" or \"}\""),
            ("[1] x", "line 1 column 5: expected the end of the file"),
            ("[\"a", "line 1 column 2: a string without an end"),
            ("\u{feff}{}", "line 1 column 1: expected a value"),
        ] {
            let wrong = scan(text).unwrap_err();
            assert_eq!(wrong.in_text(text), expect, "{text}");
        }
        let deep = "[".repeat(MAX_DEPTH + 2);
        assert_eq!(scan(&deep).unwrap_err().at, MAX_DEPTH + 1);
    }

    #[test]
    fn it_agrees_with_another_parser() {
        for text in [
            "{}",
            "[]",
            "0",
            "-0.1E+2",
            "-",
            "1.",
            "1e",
            "00",
            "+1",
            ".5",
            "tru",
            "true",
            "truex",
            "null",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\u12g4\"",
            "\"\t\"",
            "\"\\ud800\"",
            "[1,]",
            "[,1]",
            "{\"a\"}",
            "{\"a\":}",
            "{a:1}",
            "{\"a\":1 \"b\":2}",
            "[1 2]",
            "[1}",
            "'a'",
            "NaN",
            "[[[[]]]]",
            "{\"a\":{\"b\":[{}]}}",
            " \r\n\t1 ",
            "\u{a0}1",
            "\"\u{7f}\u{2028}\"",
        ] {
            let other = serde_json::from_str::<IgnoredAny>(text).is_ok();
            assert_eq!(scan(text).is_ok(), other, "{text}");
        }
    }
}
