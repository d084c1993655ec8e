//! Passwords that a shell hands on in its own ways: through a pipe, as a secure string.

use super::bytes::{has_word, is_blank, run, walked};
use super::kind::Kind;
use super::mark::{MARK, Secret};
use super::trigger::Trigger;
use super::value::{bare_end, closing_quote, is_quote, is_template, is_variable};

const MIN_BYTES: usize = 3;
/// From the value to what reads it.
const MAX_COMMAND_BYTES: usize = 120;
/// What reads a password or a token from a pipe.
const READERS: &[&str] = &[
    "--password-stdin",
    "--with-token",
    "sudo -S",
    "chpasswd",
    "passwd --stdin",
];

pub(super) fn triggers() -> Vec<Trigger> {
    vec![
        Trigger {
            first: b"cC".to_vec(),
            second: b"hH".to_vec(),
            find: Box::new(piped_at),
        },
        Trigger {
            first: b"oO".to_vec(),
            second: b"-".to_vec(),
            find: Box::new(secure_string_at),
        },
    ]
}

/// `echo … | docker login --password-stdin`, by the `h`.
fn piped_at(text: &[u8], at: usize) -> Option<Secret> {
    let echo = at.checked_sub("ec".len())?;
    if !has_word(text, echo, "echo ") {
        return None;
    }
    let mut start = echo + "echo ".len();
    start += if has_word(text, start, "-n ") {
        "-n ".len()
    } else {
        0
    };
    let quote = text.get(start).copied().filter(|byte| is_quote(*byte));
    start += usize::from(quote.is_some());
    let end = match quote {
        Some(quote) => closing_quote(text, start, quote, false)?,
        None => bare_end(text, start),
    };
    let window = &text[end..text.len().min(end + MAX_COMMAND_BYTES)];
    let command = &window[..run(window, 0, |byte| byte != b'\n')];
    let pipe = command.iter().position(|byte| *byte == b'|')?;
    let reads = |reader: &&str| (pipe..command.len()).any(|from| has_word(command, from, reader));
    walked(READERS.len() * command.len());
    let reader = READERS.iter().find(|reader| reads(reader))?;
    if *reader == "chpasswd" {
        start += text[start..end].iter().position(|byte| *byte == b':')? + 1;
    }
    secret(text, start, end)
}

/// `ConvertTo-SecureString "…"`, by the dash.
fn secure_string_at(text: &[u8], at: usize) -> Option<Secret> {
    let command = "ConvertTo-SecureString";
    let from = at.checked_sub("ConvertTo".len())?;
    if !has_word(text, from, command) {
        return None;
    }
    let blank = from + command.len();
    let mut start = blank + run(text, blank, is_blank);
    if has_word(text, start, "-String ") {
        start += "-String ".len();
    }
    let quote = text.get(start).copied().filter(|byte| is_quote(*byte))?;
    secret(
        text,
        start + 1,
        closing_quote(text, start + 1, quote, false)?,
    )
}

fn secret(text: &[u8], start: usize, end: usize) -> Option<Secret> {
    let value = &text[start..end];
    let is_none = value.len() < MIN_BYTES || value.starts_with(MARK.as_bytes());
    (!is_none && !is_template(value) && !is_variable(value)).then_some(Secret {
        start,
        end,
        kind: Kind::Password.text(),
    })
}
