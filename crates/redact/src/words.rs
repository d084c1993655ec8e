//! A password behind the word itself, without a sign: in SQL, in a netrc file, after "is".

use super::bytes::{has_digit, has_word, is_blank, run, walked};
use super::kind::Kind;
use super::mark::Secret;
use super::opening::changed_end;
use super::trigger::Trigger;
use super::value::{
    bare_end, closing_quote, is_mixed, is_quote, is_random, is_secret_given, is_secret_placed,
    is_wordy,
};

/// Between `login` or `IDENTIFIED` and the value.
const MAX_BEFORE_BYTES: usize = 160;
const MIN_BYTES_IN_PROSE: usize = 6;
const MIN_BYTES_DESCRIBED: usize = 8;
/// What joins the word and the value in prose.
const VERBS: [&str; 8] = ["is ", "was ", "to ", "of ", "= ", "-> ", "→ ", "⇒ "];
/// What joins them where the value must be random.
const JOINTS: [&str; 4] = ["is ", "was ", "provided: ", "-value "];
/// From the word to the sign behind it: `password for bob on db: …`.
const MAX_DESCRIPTION_BYTES: usize = 64;

pub(super) fn triggers() -> Vec<Trigger> {
    vec![
        Trigger {
            first: b"sS".to_vec(),
            second: b"wW".to_vec(),
            find: Box::new(password_at),
        },
        Trigger {
            first: b" \t(".to_vec(),
            second: b"'\"".to_vec(),
            find: Box::new(identified_at),
        },
        Trigger {
            first: b" \t".to_vec(),
            second: b"bB".to_vec(),
            find: Box::new(identified_bare_at),
        },
        Trigger {
            first: b"eE".to_vec(),
            second: b"yY".to_vec(),
            find: Box::new(|text, at| random_at(text, at.checked_sub("ke".len())?, "key")),
        },
        Trigger {
            first: b"oO".to_vec(),
            second: b"kK".to_vec(),
            find: Box::new(|text, at| random_at(text, at.checked_sub("to".len())?, "token")),
        },
        Trigger {
            first: b"cC".to_vec(),
            second: b"rR".to_vec(),
            find: Box::new(|text, at| random_at(text, at.checked_sub("sec".len())?, "secret")),
        },
    ]
}

/// The value behind the word whose `w` is at `at`.
fn password_at(text: &[u8], at: usize) -> Option<Secret> {
    let start = at.checked_sub("pass".len())?;
    let word = ["password", "passwd"]
        .iter()
        .find(|word| has_word(text, start, word))?;
    let end = start + word.len();
    let next = end + run(text, end, |byte| byte.is_ascii_whitespace() || byte == b'(');
    if next == end {
        return None;
    }
    if is_quote(*text.get(next)?) {
        let close = closing_quote(text, next + 1, text[next], false)?;
        return secret(text, next + 1, close).filter(|_| is_one_word(&text[next + 1..close]));
    }
    let is_netrc = {
        let before = text[start.saturating_sub(MAX_BEFORE_BYTES)..start].to_ascii_lowercase();
        let has = |word: &[u8]| before.windows(word.len()).any(|bytes| bytes == word);
        has(b"login ") && (has(b"machine ") || has(b"default "))
    };
    if is_netrc {
        return secret(text, next, bare_end(text, next));
    }
    let verb = VERBS.iter().find(|verb| has_word(text, next, verb));
    let from = next + verb.map_or(0, |verb| verb.len());
    let quote = text.get(from).copied().filter(|byte| is_quote(*byte));
    let (from, to) = match quote.filter(|_| verb.is_some()) {
        Some(quote) => (from + 1, closing_quote(text, from + 1, quote, false)?),
        None => (from, bare_end(text, from)),
    };
    let value = &text[from..to];
    let is_opaque = is_mixed(value)
        && value.len() >= MIN_BYTES_IN_PROSE
        && value.iter().any(u8::is_ascii_digit)
        && (verb.is_some() || !is_wordy(value));
    let is_secret = is_opaque || quote.is_some() && is_one_word(value);
    secret(text, from, to)
        .filter(|_| is_secret)
        .map(|secret| Secret {
            end: changed_end(text, to),
            ..secret
        })
        .or_else(|| described_at(text, end))
}

/// The value of `password for bob: …`, behind the word that ends at `end`. Prose stands there as
/// well, so only what nobody writes is one.
fn described_at(text: &[u8], end: usize) -> Option<Secret> {
    let window = &text[end..text.len().min(end + MAX_DESCRIPTION_BYTES)];
    let line = &window[..run(window, 0, |byte| byte != b'\n')];
    let ends_line = line.len() < window.len() && line.ends_with(b":");
    let first = |sign: &str| (0..line.len()).find(|at| has_word(line, *at, sign));
    let signs = [": ", " is "];
    let sign = signs
        .iter()
        .find_map(|sign| Some(first(sign)? + sign.len()));
    let from = match sign {
        Some(behind) => end + behind,
        None if ends_line => end + line.len(),
        None => return None,
    };
    let from = from
        + run(text, from, |byte| {
            byte.is_ascii_whitespace() || is_quote(byte)
        });
    let to = bare_end(text, from);
    let value = &text[from..to];
    let is_strong = value.len() >= MIN_BYTES_DESCRIBED
        && value.iter().any(u8::is_ascii_uppercase)
        && value.iter().any(u8::is_ascii_lowercase)
        && has_digit(value)
        && !is_wordy(value);
    secret(text, from, to).filter(|_| is_strong || is_random(value))
}

/// A random value behind the name of a key, a token or a secret, without a sign: `api key …`,
/// `token is …`, `setx API_KEY …`.
fn random_at(text: &[u8], start: usize, word: &str) -> Option<Secret> {
    if !has_word(text, start, word) {
        return None;
    }
    let end = start + word.len();
    let next = end + run(text, end, is_blank);
    if next == end {
        return None;
    }
    let joint = JOINTS.iter().find(|joint| has_word(text, next, joint));
    let from = next + joint.map_or(0, |joint| joint.len());
    let from = from + usize::from(text.get(from).is_some_and(|byte| is_quote(*byte)));
    let to = bare_end(text, from);
    let kind = Kind::of(&text[..end])?;
    is_random(&text[from..to]).then_some(Secret {
        start: from,
        end: to,
        kind: kind.text(),
    })
}

/// The value of `CREATE USER app IDENTIFIED BY …` without quotes, as Oracle has it, by the `B`.
fn identified_bare_at(text: &[u8], at: usize) -> Option<Secret> {
    let start = at.checked_sub("identified ".len())?;
    if !has_word(text, start, "identified by ") {
        return None;
    }
    let before = &text[start.saturating_sub(MAX_BEFORE_BYTES)..start];
    let is_user = (0..walked(before.len())).any(|at| has_word(before, at, "user "));
    let from = at + "by ".len();
    let value = secret(text, from, bare_end(text, from));
    value.filter(|_| is_user)
}

/// The value of `IDENTIFIED BY '…'`, whose quote is at `quote`.
fn identified_at(text: &[u8], quote: usize) -> Option<Secret> {
    let before = text[..quote].trim_ascii_end();
    let by = before.len().checked_sub(" by".len())?;
    if !has_word(before, by, " by") {
        return None;
    }
    let from = by.saturating_sub(MAX_BEFORE_BYTES / 2);
    let is_identified = (from..by).any(|at| has_word(before, at, "identified"));
    let close = closing_quote(text, quote + 1, text[quote], false)?;
    let is_secret = is_secret_given(&text[quote + 1..close], Kind::Password);
    (is_identified && is_secret).then_some(Secret {
        start: quote + 1,
        end: close,
        kind: Kind::Password.text(),
    })
}

fn secret(text: &[u8], start: usize, end: usize) -> Option<Secret> {
    is_secret_placed(&text[start..end], Kind::Password).then_some(Secret {
        start,
        end,
        kind: Kind::Password.text(),
    })
}

fn is_one_word(value: &[u8]) -> bool {
    !value.iter().any(|byte| is_blank(*byte))
}
