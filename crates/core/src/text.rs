//! Texts that are too long, and their beginnings.

/// The mark of what was cut.
pub const CUT_MARK: &str = "…[cut]";

/// At most so many bytes of a text, in whole characters.
pub fn begin(text: &str, max_bytes: usize) -> &str {
    let mut end = max_bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Returns the text itself if it has at most so many bytes; else its beginning and the mark.
pub fn cut(mut text: String, max_bytes: usize) -> String {
    if text.len() > max_bytes {
        text.truncate(begin(&text, max_bytes - CUT_MARK.len()).len());
        text.push_str(CUT_MARK);
    }
    text
}
