//! Bytes and words of a text: their classes, their runs, their ends.

/// How many bytes from `at` on are of a class.
pub(super) fn run(text: &[u8], at: usize, class: fn(u8) -> bool) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    let length = rest.iter().position(|byte| !class(*byte));
    walked(length.unwrap_or(rest.len()))
}

/// So many bytes were read. A test counts them: for whatever text, they grow as the text does.
pub(super) fn walked(bytes: usize) -> usize {
    #[cfg(test)]
    super::tests::count(bytes);
    bytes
}

/// No letter or digit stands before `at`: what starts there is not the end of a word.
pub(super) fn starts_word(text: &[u8], at: usize) -> bool {
    at == 0 || !text[at - 1].is_ascii_alphanumeric()
}

/// Whether these bytes stand at `at`, in any case.
pub(super) fn has_word(text: &[u8], at: usize, word: &str) -> bool {
    text.get(at..at + word.len())
        .is_some_and(|found| found.eq_ignore_ascii_case(word.as_bytes()))
}

/// Whether a text ends with these bytes, in any case. Few texts do, so the last goes first.
pub(super) fn ends_with_word(text: &[u8], word: &str) -> bool {
    let last = word.as_bytes().last();
    text.last().map(u8::to_ascii_lowercase).as_ref() == last
        && text.len() >= word.len()
        && has_word(text, text.len() - word.len(), word)
}

pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

pub(super) fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

pub(super) fn has_digit(text: &[u8]) -> bool {
    text.iter().any(u8::is_ascii_digit)
}
