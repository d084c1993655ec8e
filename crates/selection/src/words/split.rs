//! Where a text is cut.

use icu_normalizer::ComposingNormalizerBorrowed;

/// A longer run of letters is data, not a word.
const MAX_WORD_BYTES: usize = 64;

/// A run of letters and digits, lower-case, with what it is made of if its case changes:
/// `PostgreSQL` is `postgresql`, of `postgre` and `sql`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub whole: String,
    pub parts: Vec<String>,
}

pub(super) fn split(text: &str) -> Vec<Token> {
    let text = ComposingNormalizerBorrowed::new_nfkc().normalize(text);
    let mut tokens = Vec::new();
    let mut rest: &str = &text;
    while let Some(start) = rest.find(char::is_alphanumeric) {
        rest = &rest[start..];
        let end = rest
            .find(|letter: char| !letter.is_alphanumeric())
            .unwrap_or(rest.len());
        let (run, behind) = rest.split_at(end);
        rest = behind;
        if run.len() <= MAX_WORD_BYTES {
            tokens.push(token(run, behind));
        }
    }
    tokens
}

fn token(run: &str, behind: &str) -> Token {
    let is_c = matches!(run, "c" | "C");
    let whole = match behind.as_bytes() {
        [b'+', b'+', ..] if is_c => "cpp".to_owned(),
        [b'#', ..] if is_c => "csharp".to_owned(),
        _ => run.to_lowercase(),
    };
    let parts = parts(run);
    Token {
        whole,
        parts: if parts.len() > 1 { parts } else { Vec::new() },
    }
}

/// "aB" starts a part at B, and so does "ABc": an abbreviation and a word.
fn parts(run: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let mut part = String::new();
    let mut before = ' ';
    let mut letters = run.chars().peekable();
    while let Some(letter) = letters.next() {
        let mut next_is_lower = || letters.peek().is_some_and(|next| next.is_lowercase());
        let is_after_upper = before.is_uppercase();
        let starts =
            letter.is_uppercase() && (before.is_lowercase() || is_after_upper && next_is_lower());
        if starts && !part.is_empty() {
            parts.push(std::mem::take(&mut part));
        }
        part.extend(letter.to_lowercase());
        before = letter;
    }
    parts.push(part);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_where_a_reader_would() {
        let cut = [
            ("rest-api_v2", "rest api v2"),
            ("PostgreSQL", "postgresql(postgre sql)"),
            ("k8s, e2e!", "k8s e2e"),
            ("HTMLFormatter", "htmlformatter(html formatter)"),
            ("C++ and C# or c", "cpp and csharp or c"),
            ("ﬁx ｔｈｅ ｂｕｇ", "fix the bug"),
            ("E\u{301}tat", "état"),
            ("données", "données"),
            ("", ""),
            ("--", ""),
        ];
        for (text, expected) in cut {
            let shown: Vec<String> = split(text)
                .into_iter()
                .map(|token| match token.parts.len() {
                    0 => token.whole,
                    _ => format!("{}({})", token.whole, token.parts.join(" ")),
                })
                .collect();
            assert_eq!(shown.join(" "), expected, "{text}");
        }
        assert!(split(&"x".repeat(MAX_WORD_BYTES + 1)).is_empty());
    }
}
