//! Text of others and figures, as a terminal may show them.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

const DASH: &str = "–";

/// Without what a terminal would obey or hide. A line break or a tab is a blank.
pub fn clean(text: &str) -> String {
    let shown = text.chars().filter_map(|letter| match letter {
        '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => Some(' '),
        letter => Some(letter).filter(|&letter| !is_obeyed(letter)),
    });
    shown.collect()
}

/// As [`clean`], with its lines and tabs.
pub fn shown(text: &str) -> String {
    let is_layout = |letter| matches!(letter, '\n' | '\t');
    text.chars()
        .filter(|&letter| is_layout(letter) || !is_obeyed(letter))
        .collect()
}

/// The same JSON, with escapes for what [`clean`] takes away. Outside of its texts JSON has none of
/// these letters but line breaks.
pub fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for letter in json.chars() {
        if letter == '\n' || !is_obeyed(letter) {
            text.push(letter);
            continue;
        }
        for unit in letter.encode_utf16(&mut [0; 2]) {
            text.push_str(&format!("\\u{unit:04x}"));
        }
    }
    text
}

/// Control characters, those that turn the direction of writing, and those that are not seen.
fn is_obeyed(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

/// In columns of a terminal.
pub fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// As much of it as is so wide; what was longer ends in `…`.
pub fn cut(text: &str, max_width: usize) -> String {
    if width(text) <= max_width {
        return text.to_owned();
    }
    let Some(room) = max_width.checked_sub(1) else {
        return String::new();
    };
    let mut kept = head(text, room).to_owned();
    kept.push('…');
    kept
}

/// Lines of that width, cut wherever they are full.
pub fn wrapped(text: &str, max_width: usize) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let line = head(rest, max_width);
        // A letter that is wider than the line stands alone.
        let first = rest.chars().next().map_or(0, char::len_utf8);
        let (line, after) = rest.split_at(line.len().max(first));
        lines.push(line);
        rest = after;
    }
    lines
}

fn head(text: &str, max_width: usize) -> &str {
    let mut used = 0;
    for (at, letter) in text.char_indices() {
        used += letter.width().unwrap_or(0);
        if used > max_width {
            return &text[..at];
        }
    }
    text
}

/// A moment in whole seconds: `2026-11-20T18:00:05Z`.
pub fn seconds(time: &str) -> String {
    match time.split_once('.') {
        Some((whole, _)) => format!("{whole}Z"),
        None => time.to_owned(),
    }
}

/// Two units at most: `850ms`, `4.2s`, `3m12s`, `2h05m`, `3d04h`.
pub fn duration(duration_ms: i64) -> String {
    let ms = duration_ms.max(0);
    let (s, m, h) = (ms / 1_000, ms / 60_000, ms / 3_600_000);
    match ms {
        0..1_000 => format!("{ms}ms"),
        1_000..60_000 => format!("{s}.{}s", ms % 1_000 / 100),
        60_000..3_600_000 => format!("{m}m{:02}s", s % 60),
        3_600_000..86_400_000 => format!("{h}h{:02}m", m % 60),
        _ => format!("{}d{:02}h", h / 24, h % 24),
    }
}

/// With three or four digits: `999`, `12.3k`, `4.6M`.
pub fn short(count: i64) -> String {
    let mut scaled = count as f64;
    for unit in ["", "k", "M", "G", "T", "P", "E"] {
        // What would be rounded to 1000.0 belongs to the next unit.
        if scaled.abs() < 999.95 || unit == "E" {
            return match unit {
                "" => count.to_string(),
                unit => format!("{scaled:.1}{unit}"),
            };
        }
        scaled /= 1_000.0;
    }
    count.to_string()
}

/// Of dollars; small sums have the digits that make them more than nothing.
pub fn dollars(dollars: f64) -> String {
    match dollars {
        sum if sum != 0.0 && sum.abs() < 0.01 => format!("${sum:.4}"),
        sum => format!("${sum:.2}"),
    }
}

/// A rate of 0..1 of so many; of none there is no rate.
pub fn percent(rate: f64, of: i64) -> String {
    match of {
        0 => DASH.to_owned(),
        _ => format!("{:.1}%", rate * 100.0),
    }
}

/// What is not known is a dash.
pub fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| DASH.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_that_a_terminal_obeys() {
        let hostile = "a\u{1b}[31mb\u{9b}2J\u{7}\u{0}c\r\nd\te\u{202e}f\u{7f}";
        assert_eq!(clean(hostile), "a[31mb2Jc  d ef");
        assert_eq!(clean("é 漢 👩\u{200d}💻"), "é 漢 👩💻");
        assert_eq!(clean("a\u{200b}b\u{2066}c\u{feff}d\u{e0041}"), "abcd");
        assert_eq!(shown("a\u{1b}]0;x\u{7}\tb\r\nc\u{2028}"), "a]0;x\tb\nc");
    }

    #[test]
    fn json_says_the_same_without_what_a_terminal_obeys() {
        let text = "é\u{9b}2J\u{202e}\u{200b}\u{7f}\u{e0041}\n";
        let line = escaped(&serde_json::to_string(text).unwrap());
        assert_eq!(line, r#""é\u009b2J\u202e\u200b\u007f\udb40\udc41\n""#);
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), text);
    }

    #[test]
    fn a_cut_counts_columns() {
        assert_eq!(cut("abcd", 4), "abcd");
        assert_eq!(cut("abcde", 4), "abc…");
        // Each of these takes two columns; a third would not leave room for the dots.
        assert_eq!(cut("漢字漢字", 6), "漢字…");
        assert_eq!(
            [cut("ab", 1), cut("ab", 0)],
            ["…".to_owned(), String::new()]
        );
    }

    #[test]
    fn long_text_is_wrapped_and_nothing_is_lost() {
        assert_eq!(wrapped("abcde", 2), ["ab", "cd", "e"]);
        assert_eq!(wrapped("漢a字", 3), ["漢a", "字"]);
        assert_eq!(wrapped("漢字", 1), ["漢", "字"]);
        assert!(wrapped("", 3).is_empty());
    }

    #[test]
    fn durations_have_two_units() {
        let shown = [
            -5, 0, 999, 1_000, 59_999, 60_000, 3_599_999, 3_600_000, 86_399_999, 90_000_000,
        ];
        let expect = [
            "0ms", "0ms", "999ms", "1.0s", "59.9s", "1m00s", "59m59s", "1h00m", "23h59m", "1d01h",
        ];
        assert_eq!(shown.map(duration), expect);
    }

    #[test]
    fn figures_are_short() {
        let counts = [0, 999, 1_000, 12_345, 999_949, 999_950, 4_560_000_000_000];
        let expect = ["0", "999", "1.0k", "12.3k", "999.9k", "1.0M", "4.6T"];
        assert_eq!(counts.map(short), expect);
        assert_eq!(
            [9_007_199_254_740_991, i64::MAX].map(short),
            ["9.0P", "9.2E"]
        );
        let sums = [0.0, 0.0076, 0.01, 12.345, 232.8];
        let expect = ["$0.00", "$0.0076", "$0.01", "$12.35", "$232.80"];
        assert_eq!(sums.map(dollars), expect);
        assert_eq!(percent(0.9383, 12), "93.8%");
        assert_eq!([percent(0.0, 0), or_dash(None)], ["–", "–"]);
    }
}
