//! Names against the patterns of the table.

use agentpulse_core::bucket::{Day, Hour};

/// What stands in a name for each `{…}` of a pattern. Returns `None` if it is another name.
pub(super) fn parts<'a>(pattern: &str, name: &'a str) -> Option<Vec<&'a str>> {
    let mut parts = Vec::new();
    let (mut pattern, mut name) = (pattern, name);
    while let Some((literal, rest)) = pattern.split_once('{') {
        let (placeholder, rest) = rest.split_once('}')?;
        let named = name.strip_prefix(literal)?;
        let width = width(placeholder).or_else(|| named.len().checked_sub(fixed_width(rest)))?;
        let (part, after) = named.split_at_checked(width)?;
        if !is_part(placeholder, part) {
            return None;
        }
        parts.push(part);
        (pattern, name) = (rest, after);
    }
    (pattern == name).then_some(parts)
}

fn is_part(placeholder: &str, part: &str) -> bool {
    match placeholder {
        "YYYY-MM-DD" => Day::parse(part).is_some(),
        "YYYY-MM-DD-HH" => Hour::parse(part).is_some(),
        _ => !part.is_empty(),
    }
}

/// In bytes. Returns `None` for a name of any length.
fn width(placeholder: &str) -> Option<usize> {
    placeholder.starts_with("YYYY").then_some(placeholder.len())
}

fn fixed_width(pattern: &str) -> usize {
    pattern.bytes().filter(|byte| !b"{}".contains(byte)).count()
}
