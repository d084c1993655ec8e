//! Checks single JSON values as they are written. Values that are kept are copied letter for letter
//! into the line, so they must be valid: one bad escape would make the daemon reject the whole
//! line.

/// How many bytes of UTF-8 the string stands for; None where `written` is no JSON string.
pub fn string_bytes(written: &str) -> Option<usize> {
    let mut rest = written.strip_prefix('"')?.strip_suffix('"')?.as_bytes();
    let mut count = 0;
    while let Some((&first, behind)) = rest.split_first() {
        let (bytes, behind) = match first {
            b'\\' => escape(behind)?,
            b'"' | ..b' ' => return None,
            _ => (1, behind),
        };
        count += bytes;
        rest = behind;
    }
    Some(count)
}

/// What the escape behind a backslash stands for, in bytes of UTF-8, and what follows it.
fn escape(text: &[u8]) -> Option<(usize, &[u8])> {
    let (&first, rest) = text.split_first()?;
    match first {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some((1, rest)),
        b'u' => match unit(rest)? {
            (..0x80, rest) => Some((1, rest)),
            (..0x800, rest) => Some((2, rest)),
            (0xd800..0xdc00, rest) => {
                let (low, rest) = unit(rest.strip_prefix(b"\\u")?)?;
                (0xdc00..0xe000).contains(&low).then_some((4, rest))
            }
            (0xdc00..0xe000, _) => None,
            (_, rest) => Some((3, rest)),
        },
        _ => None,
    }
}

/// The UTF-16 unit of four hexadecimal digits.
fn unit(text: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, rest) = text.split_at_checked(4)?;
    let value = digits.iter().try_fold(0, |value, &digit| {
        Some(value << 4 | char::from(digit).to_digit(16)?)
    })?;
    Some((value, rest))
}

/// A whole number from 0 to 2^64 − 1, without sign, fraction or exponent.
pub fn count(written: &str) -> Option<u64> {
    let digits = written.bytes().all(|byte| byte.is_ascii_digit());
    let plain = written == "0" || !written.starts_with('0');
    written.parse().ok().filter(|_| digits && plain)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// `serde_json` decides what is a string, and its length.
    fn check(written: &str) {
        let expect = match serde_json::from_str(written) {
            Ok(Value::String(text)) => Some(text.len()),
            _ => None,
        };
        assert_eq!(string_bytes(written), expect, "{written}");
    }

    #[test]
    fn strings_are_judged_as_a_parser_does() {
        let pieces = [
            "a",
            "\u{e9}\u{20ac}\u{1f600}",
            "\\n",
            "\\\"",
            "\\\\",
            "\\/",
            "\\x",
            "\\",
            "\"",
            "\n",
            "\x1f",
            "\x7f",
            "\\u0000",
            "\\u007F",
            "\\u0080",
            "\\u07ff",
            "\\u0800",
            "\\ud7ff",
            "\\ud800",
            "\\udbff",
            "\\udc00",
            "\\uDFFF",
            "\\ue000",
            "\\u00g0",
        ];
        for one in pieces {
            for other in pieces {
                check(&format!("\"{one}{other}\""));
            }
            check(one);
        }
        for text in ["", "\"", "\"\"", "\"a", "12", "\"\\u12\"", "\"\\ud800\\u\""] {
            check(text);
        }
    }

    #[test]
    fn counts_are_whole_numbers() {
        assert_eq!(count("0"), Some(0));
        assert_eq!(count("309"), Some(309));
        assert_eq!(count("18446744073709551615"), Some(u64::MAX));
        for other in [
            "",
            "18446744073709551616",
            "-1",
            "+1",
            "01",
            "1.0",
            "1e3",
            "\"1\"",
            "null",
        ] {
            assert_eq!(count(other), None, "{other}");
        }
    }
}
