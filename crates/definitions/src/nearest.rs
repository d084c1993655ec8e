//! The known word that is meant.

/// More changes than this make another word.
const MAX_DISTANCE: usize = 2;
/// No word of a table is longer, and the distance costs the product of both.
const MAX_WORD_BYTES: usize = 40;

/// The nearest of the words, the first of equally near ones. Case and what joins words do not
/// count.
pub fn nearest<'w>(written: &str, words: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    if written.len() > MAX_WORD_BYTES {
        return None;
    }
    let written = joined(written);
    let distances = words.map(|word| (distance(&written, &joined(word)), word));
    let best = distances.min_by_key(|(distance, _)| *distance)?;
    // A short word would be near to everything.
    let is_near = best.0 <= MAX_DISTANCE && best.0 * 2 < written.len();
    is_near.then_some(best.1)
}

fn joined(word: &str) -> Vec<char> {
    let kept = word.chars().filter(|c| !matches!(c, '-' | '_' | ' '));
    kept.flat_map(char::to_lowercase).collect()
}

/// How many letters are put in, taken out or replaced.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_understood_and_another_word_is_not() {
        let words = ["name", "model", "maxTurns", "mcpServers", "disallowedTools"];
        for (written, meant) in [
            ("modle", Some("model")),
            ("max_turns", Some("maxTurns")),
            ("MCP-servers", Some("mcpServers")),
            ("disalowedTool", Some("disallowedTools")),
            ("version", None),
            ("no", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, words.into_iter()), meant, "{written}");
        }
    }
}
