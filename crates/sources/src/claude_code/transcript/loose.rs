//! Fields of a line that may be of any type: of another than ours the field is void, and never the
//! line.

use std::borrow::Cow;

use serde::de::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// Whole numbers beyond it are not exact in JavaScript.
const MAX_WHOLE: u64 = 1 << 53;

/// A string; none for another type, and for one that is no text, such as half of an emoji.
#[derive(Debug, Default)]
pub struct Word<'a>(Option<Cow<'a, str>>);

/// Whether it is true; all else is false.
#[derive(Debug, Default, Clone, Copy)]
pub struct Flag(pub bool);

/// A number of something.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    #[default]
    Absent,
    Known(u64),
    /// Neither a whole number nor null, or beyond 2^53.
    Void,
}

impl Word<'_> {
    pub fn get(&self) -> Option<&str> {
        self.0.as_deref()
    }

    pub fn is(&self, word: &str) -> bool {
        self.get() == Some(word)
    }
}

impl Count {
    pub fn or_zero(self) -> u64 {
        match self {
            Count::Known(count) => count,
            Count::Absent | Count::Void => 0,
        }
    }

    /// `50.0` is 50, as JavaScript writes and reads it.
    fn of(text: &str) -> Count {
        if text == "null" {
            return Count::Absent;
        }
        let whole =
            |number: &f64| number.fract() == 0.0 && (0.0..=MAX_WHOLE as f64).contains(number);
        let count = text.parse::<u64>().ok();
        let count = count.or_else(|| {
            text.parse()
                .ok()
                .filter(whole)
                .map(|number: f64| number as u64)
        });
        match count.filter(|&count| count <= MAX_WHOLE) {
            Some(count) => Count::Known(count),
            None => Count::Void,
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Word<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&'de RawValue>::deserialize(deserializer)?.get();
        let quoted = text
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'));
        Ok(Word(match quoted {
            Some(string) if !string.contains('\\') => Some(string.into()),
            Some(_) => serde_json::from_str::<String>(text).ok().map(Cow::Owned),
            None => None,
        }))
    }
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = <&'de RawValue>::deserialize(deserializer)?;
        Ok(Flag(value.get() == "true"))
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&'de RawValue>::deserialize(deserializer).map(|value| Count::of(value.get()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_whole_and_within_its_bound() {
        for (text, count) in [
            ("0", Count::Known(0)),
            ("50", Count::Known(50)),
            ("50.0", Count::Known(50)),
            ("5e1", Count::Known(50)),
            ("-0", Count::Known(0)),
            ("9007199254740992", Count::Known(MAX_WHOLE)),
            ("null", Count::Absent),
            ("-120", Count::Void),
            ("50.5", Count::Void),
            ("9007199254740993", Count::Void),
            ("18446744073709551616", Count::Void),
            ("1e999", Count::Void),
            ("\"50\"", Count::Void),
            ("[50]", Count::Void),
            ("true", Count::Void),
        ] {
            assert_eq!(
                serde_json::from_str::<Count>(text).unwrap(),
                count,
                "{text}"
            );
        }
    }

    #[test]
    fn a_word_is_a_string_that_is_text() {
        for (text, word) in [
            (r#""a""#, Some("a")),
            (r#""""#, Some("")),
            (r#""a\n\u00e4\ud83d\ude00""#, Some("a\nä😀")),
            (r#""\ud83d""#, None),
            (r#""\ude00x""#, None),
            ("null", None),
            ("7", None),
            ("{\"a\":1}", None),
        ] {
            let read: Word = serde_json::from_str(text).unwrap();
            assert_eq!(read.get(), word, "{text}");
        }
        let flags = ["true", "false", "null", "1", "\"true\""].map(|text| {
            let flag: Flag = serde_json::from_str(text).unwrap();
            flag.0
        });
        assert_eq!(flags, [true, false, false, false, false]);
    }
}
