//! Stack traces, cut to their top frames: those say what broke, the others how the program is
//! built.

use std::borrow::Cow;

use serde_json::Value;

/// Five frames where each takes two lines, as in Python and Rust.
const TOP_LINES: usize = 10;
/// Of a trace that is a list.
const TOP_FRAMES: usize = 10;
/// Python lists the innermost call last.
const INNERMOST_LAST: &str = "Traceback (most recent call last)";

/// Whether what stands under this name is a stack trace.
pub fn is_stack(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["stack", "traceback", "backtrace"]
        .iter()
        .any(|word| key.contains(word))
}

/// A text with at most `TOP_LINES` lines of each run of frames; borrowed when it has no more.
pub fn top_of_stacks(text: &str) -> Cow<'_, str> {
    if text.lines().count() <= TOP_LINES {
        return Cow::Borrowed(text);
    }
    let lines: Vec<&str> = text.lines().collect();
    let mut kept: Vec<Cow<str>> = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let frames = lines[at..].iter().take_while(|line| is_frame(line)).count();
        if frames <= TOP_LINES {
            let next = frames.max(1);
            kept.extend(lines[at..at + next].iter().map(|line| Cow::Borrowed(*line)));
            at += next;
            continue;
        }
        let cut = Cow::Owned(format!("    \u{2026}[{} lines]", frames - TOP_LINES));
        let is_reversed = at > 0 && lines[at - 1].trim_start().starts_with(INNERMOST_LAST);
        let run = &lines[at..at + frames];
        let top = match is_reversed {
            true => &run[frames - TOP_LINES..],
            false => &run[..TOP_LINES],
        };
        let top = top.iter().map(|line| Cow::Borrowed(*line));
        match is_reversed {
            true => kept.extend(std::iter::once(cut).chain(top)),
            false => kept.extend(top.chain(std::iter::once(cut))),
        }
        at += frames;
    }
    if kept.len() == lines.len() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(kept.join("\n"))
}

/// What stands under the name of a stack trace, cut to its top frames.
pub fn top_frames(value: Value) -> Value {
    match value {
        Value::Array(mut frames) => {
            frames.truncate(TOP_FRAMES);
            Value::Array(frames)
        }
        Value::String(text) => Value::String(top_lines(text)),
        other => other,
    }
}

/// Under such a name every line is one of the trace, whatever it looks like.
fn top_lines(text: String) -> String {
    let lines: Vec<&str> = text.lines().collect();
    // What was thrown, and a line for what was cut.
    const MAX_LINES: usize = TOP_LINES + 2;
    if lines.len() <= MAX_LINES {
        return text;
    }
    if lines[0].trim_start().starts_with(INNERMOST_LAST) {
        let last = &lines[lines.len() - TOP_LINES - 1..];
        let cut = lines.len() - 1 - last.len();
        return format!(
            "{}\n    \u{2026}[{cut} lines]\n{}",
            lines[0],
            last.join("\n")
        );
    }
    let first = &lines[..TOP_LINES + 1];
    format!(
        "{}\n    \u{2026}[{} lines]",
        first.join("\n"),
        lines.len() - first.len()
    )
}

/// A line of a frame as the common languages print it; the one of code below it is indented.
fn is_frame(line: &str) -> bool {
    let inner = line.trim_start();
    let is_indented = inner.len() < line.len();
    let is_numbered = || {
        let number = inner.trim_start_matches('#');
        let digits = number.bytes().take_while(u8::is_ascii_digit).count();
        digits > 0 && (number[digits..].starts_with(": ") || inner.starts_with('#'))
    };
    is_indented || inner.starts_with("at ") || is_numbered()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn numbered(lines: std::ops::Range<usize>, line: &str) -> String {
        let lines: Vec<String> = lines.map(|n| line.replace('@', &n.to_string())).collect();
        lines.join("\n")
    }

    #[test]
    fn the_top_frames_stay() {
        for frame in [
            "    at f@ (a.js:@:1)",
            "\tat a.B.f@(B.java:@)",
            "  @: f@\n    at a.rs:@",
        ] {
            let lines = frame.lines().count();
            let trace = format!("Error: no\n{}\nand more", numbered(0..30, frame));
            let top = numbered(0..10 / lines, frame);
            let cut = 30 * lines - 10;
            let wanted = format!("Error: no\n{top}\n    \u{2026}[{cut} lines]\nand more");
            assert_eq!(top_of_stacks(&trace), wanted);
            assert_eq!(top_of_stacks(&wanted), wanted);
        }
    }

    #[test]
    fn of_python_the_last_frames_are_the_top() {
        let frame = "  File \"a.py\", line @, in f\n    g(@)";
        let head = "Traceback (most recent call last):";
        let trace = format!("{head}\n{}\nValueError: no", numbered(0..30, frame));
        let top = numbered(25..30, frame);
        let wanted = format!("{head}\n    \u{2026}[50 lines]\n{top}\nValueError: no");
        assert_eq!(top_of_stacks(&trace), wanted);
        assert_eq!(top_frames(json!(trace)), json!(wanted));
    }

    #[test]
    fn under_its_name_every_line_is_of_the_trace() {
        let trace = numbered(0..30, "f@");
        let wanted = format!("{}\n    \u{2026}[19 lines]", numbered(0..11, "f@"));
        assert_eq!(top_frames(json!(trace)), json!(wanted));
        assert_eq!(top_frames(json!(wanted.clone())), json!(wanted));
        let frames = Value::from((0..30).collect::<Vec<_>>());
        assert_eq!(top_frames(frames), Value::from((0..10).collect::<Vec<_>>()));
        assert_eq!(top_frames(json!({"depth": 30})), json!({"depth": 30}));
        assert!(is_stack("stack_trace") && is_stack("Traceback") && !is_stack("track"));
    }

    #[test]
    fn other_long_texts_stay() {
        let list = numbered(0..30, "@. point\n- more");
        assert!(matches!(top_of_stacks(&list), Cow::Borrowed(_)));
    }
}
