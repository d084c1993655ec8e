//! Text in base64 that has a secret in it. What is no text, as a picture or a sum, is left alone.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::bytes::run;
use super::mark::Secret;

/// Shorter than the base64 of any name with a value.
const MIN_RUN_BYTES: usize = 20;
/// So many groups are decoded first: of what is no text, next to all ends here.
const PROBE_GROUPS: usize = 8;
/// How often text is encoded in text that is encoded.
pub(super) const MAX_DEPTH: usize = 2;

const CONFIG: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_allow_trailing_bits(true)
    .with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, CONFIG);
const OF_ADDRESSES: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, CONFIG);

/// The secrets of a text that are such text, in their order; `has_secret` looks into one.
pub(super) fn secrets(text: &[u8], has_secret: impl Fn(&str) -> bool) -> Vec<Secret> {
    let mut found = Vec::new();
    let mut at = 0;
    // A run covers one of every so many bytes: others need not be read.
    while let Some(byte) = text.get(at + MIN_RUN_BYTES - 1) {
        if !is_of_run(*byte) {
            at += MIN_RUN_BYTES;
            continue;
        }
        let before = &text[at..at + MIN_RUN_BYTES - 1];
        let back = before.iter().rev().take_while(|byte| is_of_run(**byte));
        let start = at + before.len() - back.count();
        let end = start + run(text, start, is_of_run);
        // In base64 of a text there are capitals; in most other runs there are none.
        let may_be = end - start >= MIN_RUN_BYTES;
        if may_be && text[start..end].iter().any(u8::is_ascii_uppercase) {
            let parts = parts(&text[start..end]);
            let parts = parts.filter(|part| {
                decoded(part.1).is_some_and(|text| has_secret_in(&text, &has_secret))
            });
            found.extend(parts.map(|(from, part)| {
                let end = start + from + part.len();
                Secret {
                    start: start + from,
                    end: end + run(text, end, |byte| byte == b'='),
                    kind: "encoded",
                }
            }));
        }
        at = end;
    }
    found
}

fn has_secret_in(text: &[u8], has_secret: &impl Fn(&str) -> bool) -> bool {
    std::str::from_utf8(text).is_ok_and(has_secret)
}

/// The run, or where it is no text its parts: `/`, `-` and `_` also join words and the parts of a
/// path, and in the base64 of a text they are rare.
fn parts(whole: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let is_whole = decoded(whole).is_some();
    let mut from = 0;
    let parts = whole.split(move |byte| !is_whole && !byte.is_ascii_alphanumeric());
    let parts = parts.map(move |part| {
        let at = from;
        from += part.len() + 1;
        (at, part)
    });
    parts.filter(|(_, part)| part.len() >= MIN_RUN_BYTES)
}

/// What was encoded, where it is a text.
pub(super) fn decoded(value: &[u8]) -> Option<Vec<u8>> {
    let may_be = value
        .iter()
        .step_by(4)
        .take(PROBE_GROUPS)
        .all(may_start_text);
    may_be.then(|| decode(value).filter(|text| is_text(text)))?
}

/// Whether a group of four may be of ASCII: the first six bits of a letter, a digit, a sign, a line
/// end.
fn may_start_text(byte: &u8) -> bool {
    matches!(byte, b'C' | b'D' | b'I'..=b'Z' | b'a'..=b'f')
}

fn decode(value: &[u8]) -> Option<Vec<u8>> {
    STANDARD
        .decode(value)
        .or_else(|_| OF_ADDRESSES.decode(value))
        .ok()
}

fn is_text(bytes: &[u8]) -> bool {
    bytes
        .iter()
        .all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\r' | b'\t'))
}

fn is_of_run(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}
