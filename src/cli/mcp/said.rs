//! What a call says: a text that fits into the context of a model.

use serde_json::{Value, json};

use crate::cli::text::{escaped, shown};
use agentpulse_client::AskError;
use agentpulse_core::text::{begin, cut};

/// Of one answer.
pub const MAX_BYTES: usize = 4 << 10;
/// Of what stands before the answer of the daemon, and of the note behind a part of it.
const MAX_LEAD_BYTES: usize = 1 << 10;

#[derive(Debug, PartialEq)]
pub struct Said {
    text: String,
    is_error: bool,
}

impl Said {
    pub fn error(text: impl Into<String>) -> Said {
        Said {
            is_error: true,
            ..Said::text(text)
        }
    }

    pub fn text(text: impl Into<String>) -> Said {
        Said {
            text: cut(shown(&text.into()), MAX_BYTES),
            is_error: false,
        }
    }

    /// What it comes to and what is next, then the answer of the daemon. `rest` says where the rest
    /// is of an answer that is too long.
    pub fn answer(lead: &str, answer: &Value, rest: &str) -> Said {
        let rest = |_| rest.to_owned();
        Said::part(lead, &compact(answer), rest)
    }

    /// As much of a text as has room. `rest` says how to go on behind so many bytes of it.
    pub fn part(lead: &str, whole: &str, rest: impl Fn(usize) -> String) -> Said {
        let lead = cut(lead.to_owned(), MAX_LEAD_BYTES);
        let joint = match lead.is_empty() {
            true => "",
            false => "\n",
        };
        if lead.len() + joint.len() + whole.len() <= MAX_BYTES {
            return Said::text(format!("{lead}{joint}{whole}"));
        }
        let note = |bytes: usize| {
            let note = format!("[{bytes} of {} bytes. {}]", whole.len(), rest(bytes));
            cut(note, MAX_LEAD_BYTES)
        };
        // No part has more digits than the whole.
        let around = lead.len() + joint.len() + 1 + note(whole.len()).len();
        let part = begin(whole, MAX_BYTES - around);
        Said::text(format!("{lead}{joint}{part}\n{}", note(part.len())))
    }

    /// As the protocol has it.
    pub fn into_result(self) -> Value {
        json!({"content": [{"type": "text", "text": self.text}], "isError": self.is_error})
    }
}

impl From<AskError> for Said {
    fn from(error: AskError) -> Said {
        Said::error(error.to_string())
    }
}

/// JSON without fields that are null and without letters that are not seen.
pub fn compact(value: &Value) -> String {
    escaped(&without_nulls(value).to_string())
}

/// A text as it is, and anything else as JSON.
pub fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => shown(text),
        other => compact(other),
    }
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .filter(|(_, field)| !field.is_null())
            .map(|(name, field)| (name.clone(), without_nulls(field)))
            .collect(),
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn go_on(bytes: usize) -> String {
        format!("go on with {bytes}")
    }

    #[test]
    fn a_short_answer_is_whole() {
        let said = Said::part("Lead.", "{}", go_on);
        assert_eq!(said, Said::text("Lead.\n{}"));
        assert_eq!(Said::part("", "{}", go_on), Said::text("{}"));
        let whole = "x".repeat(MAX_BYTES);
        assert_eq!(Said::part("", &whole, go_on).text, whole);
    }

    #[test]
    fn of_a_long_one_the_parts_are_the_whole() {
        let whole: String = (0..3_000).map(|n| format!("{n}é")).collect();
        let (mut read, mut from) = (String::new(), 0);
        while from < whole.len() {
            let said = Said::part("Lead.", &whole[from..], go_on);
            assert!(said.text.len() <= MAX_BYTES, "{}", said.text.len());
            let text = said.text.strip_prefix("Lead.\n").expect("the lead");
            let Some((part, note)) = text.rsplit_once("\n[") else {
                read.push_str(text);
                break;
            };
            assert!(note.contains(&go_on(part.len())), "{note}");
            assert!(part.len() > MAX_BYTES - 200, "{}", part.len());
            read.push_str(part);
            from += part.len();
        }
        assert_eq!(read, whole);
    }

    #[test]
    fn a_lead_of_any_length_leaves_room() {
        let said = Said::part(&"l".repeat(9_000), &"x".repeat(9_000), |_| {
            "r".repeat(9_000)
        });
        assert!(said.text.len() <= MAX_BYTES, "{}", said.text.len());
        assert!(said.text.contains("xxx"));
    }

    #[test]
    fn nulls_and_unseen_letters_are_not_sent() {
        let value = json!({"a": null, "b": [null, {"c": null, "d": "x\u{202e}"}]});
        assert_eq!(compact(&value), r#"{"b":[null,{"d":"x\u202e"}]}"#);
    }
}
