//! Where the values of a JSON text stand, to the byte.
//!
//! A parser that forgets white space, escapes and order cannot give them back; the settings belong
//! to the user, so their text is cut and joined, and never reformatted.

use std::ops::Range;

use jsonc_parser::ast::{ObjectProp, Value};
use jsonc_parser::common::Ranged;
use jsonc_parser::tokens::{Token, TokenAndRange};
use jsonc_parser::{CollectOptions, CommentCollectionStrategy, ParseOptions, parse_to_ast};

/// JSON as RFC 8259 has it, and comments.
const STRICT: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_loose_object_property_names: false,
    allow_trailing_commas: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

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

pub struct Json<'a> {
    /// The one value that a text consists of.
    pub root: Value<'a>,
    /// In their order.
    pub comments: Vec<Range<usize>>,
}

impl<'a> Json<'a> {
    /// # Errors
    /// What is no JSON.
    pub fn parse(text: &'a str) -> Result<Json<'a>, Wrong> {
        let collected = CollectOptions {
            comments: CommentCollectionStrategy::AsTokens,
            tokens: true,
        };
        let parsed = parse_to_ast(text, &collected, &STRICT).map_err(|error| {
            let reason = error.kind().to_string();
            let (first, rest) = reason.split_at(1);
            Wrong::new(error.range().start, first.to_lowercase() + rest)
        })?;
        let tokens = parsed.tokens.unwrap_or_default();
        check(text, &tokens)?;
        let is_comment = |token: &&TokenAndRange| {
            matches!(token.token, Token::CommentLine(_) | Token::CommentBlock(_))
        };
        let comments = tokens.iter().filter(is_comment);
        let comments = comments.map(span).collect();
        match parsed.value {
            Some(root) => Ok(Json { root, comments }),
            None => Err(Wrong::new(text.len(), "the file ends, expected a value")),
        }
    }
}

/// Refuses what the parser takes and JSON does not have, with all its options.
fn check(text: &str, tokens: &[TokenAndRange]) -> Result<(), Wrong> {
    let mut end = 0;
    let ends = Range {
        start: text.len(),
        end: text.len(),
    };
    for token in tokens.iter().map(span).chain([ends]) {
        if let Some(at) = text[end..token.start].find(|c: char| !is_blank(c)) {
            return Err(Wrong::new(end + at, "white space that JSON does not have"));
        }
        let inner = &text[token.clone()];
        if inner.starts_with('"')
            && let Some(at) = inner.find(|c: char| c < ' ')
        {
            let reason = "a control character in a string";
            return Err(Wrong::new(token.start + at, reason));
        }
        end = token.end;
    }
    Ok(())
}

pub fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

pub fn span(node: &impl Ranged) -> Range<usize> {
    node.start()..node.end()
}

pub fn members<'v, 'a>(object: &'v Value<'a>) -> &'v [ObjectProp<'a>] {
    object.as_object().map_or(&[], |object| &object.properties)
}

pub fn items<'v, 'a>(array: &'v Value<'a>) -> &'v [Value<'a>] {
    array.as_array().map_or(&[], |array| &array.elements)
}

/// The spans of an object's members or of an array's items.
pub fn children(container: &Value) -> Vec<Range<usize>> {
    let members = members(container).iter().map(span);
    members.chain(items(container).iter().map(span)).collect()
}

#[cfg(test)]
mod tests {
    use serde::de::IgnoredAny;

    use super::*;

    #[test]
    fn values_stand_where_they_stand() {
        let text = " {\"ä\\n\" : [ 1.5e-3,/*x*/\"\\u0041\" ],\n\"b\":true } // \"y\"";
        let Json { root, comments } = Json::parse(text).unwrap();
        assert_eq!(&text[span(&root)], &text[1..text.len() - 7]);
        let all = members(&root);
        assert_eq!(all[0].name.as_str(), "ä\n");
        assert_eq!(&text[span(&all[0].name)], "\"ä\\n\"");
        let items = children(&all[0].value);
        let items: Vec<&str> = items.into_iter().map(|span| &text[span]).collect();
        assert_eq!(items, ["1.5e-3", "\"\\u0041\""]);
        assert_eq!(&text[span(&all[1])], "\"b\":true");
        let comments: Vec<&str> = comments.into_iter().map(|span| &text[span]).collect();
        assert_eq!(comments, ["/*x*/", "// \"y\""]);
    }

    #[test]
    fn errors_name_line_and_column() {
        for (text, expect) in [
            ("", "line 1 column 1: the file ends, expected a value"),
            (
                "{\n  \"ä\": 1,\n}",
                "line 2 column 9: trailing commas are not allowed",
            ),
            ("{\n  // why\n", "line 1 column 1: unterminated object"),
            ("{\"ä\": 01}", "line 1 column 8: expected comma"),
            (
                "[1] x",
                "line 1 column 5: text cannot contain more than one JSON value",
            ),
            ("[\"a", "line 1 column 2: unterminated string literal"),
            ("\u{feff}{}", "line 1 column 1: unexpected token"),
            (
                "{ \u{a0}}",
                "line 1 column 3: white space that JSON does not have",
            ),
            (
                "[\"ä\t\"]",
                "line 1 column 4: a control character in a string",
            ),
            ("/* why", "line 1 column 1: unterminated comment block"),
        ] {
            let Err(wrong) = Json::parse(text) else {
                panic!("{text} is taken")
            };
            assert_eq!(wrong.in_text(text), expect, "{text}");
        }
        assert!(Json::parse(&"[".repeat(100_000)).is_err());
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
            "0x1",
            "tru",
            "true",
            "truex",
            "null",
            "\"\\x\"",
            "\"\\'\"",
            "\"\\\n\"",
            "\"\\u12\"",
            "\"\\u12g4\"",
            "\"\t\"",
            "\"\n\"",
            "\"\\ud83d\\ude00\"",
            "[1,]",
            "[,1]",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{\"a\":1,,\"b\":2}",
            "{\"a\":1 {}}",
            "{a:1}",
            "{1:1}",
            "{\"a\":1 \"b\":2}",
            "[1 2]",
            "[1 {}]",
            "[1}",
            "'a'",
            "NaN",
            "-Infinity",
            "[[[[]]]]",
            "{\"a\":{\"b\":[{}]}}",
            " \r\n\t1 ",
            "\u{a0}1",
            "\u{b}1",
            "1\u{2028}",
            "\"\u{7f}\u{2028}\"",
        ] {
            let other = serde_json::from_str::<IgnoredAny>(text).is_ok();
            assert_eq!(Json::parse(text).is_ok(), other, "{text}");
        }
    }

    /// JSON has them; no text of UTF-8 can hold what they stand for.
    #[test]
    fn half_of_a_surrogate_pair_is_refused() {
        let wrong = Json::parse("[\"\\ud800\"]").map(|_| ()).unwrap_err();
        assert!(
            wrong.reason.contains("unpaired high surrogate"),
            "{wrong:?}"
        );
    }
}
