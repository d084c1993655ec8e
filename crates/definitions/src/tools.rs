//! Lists of tools: a list, or a text with commas, of which those in parentheses separate nothing.

/// An entry as it is written, and where in the text that has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub at: usize,
    pub text: String,
}

/// What an entry names.
#[derive(Debug, PartialEq, Eq)]
pub enum Tool<'e> {
    All,
    /// Of a server of MCP, or all of one.
    Mcp(&'e str),
    /// Without what stands in parentheses.
    BuiltIn(&'e str),
}

const MCP: &str = "mcp__";

/// The entries of a text, without the blanks around them.
pub fn entries(text: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    let mut take = |range: std::ops::Range<usize>| {
        let part = &text[range.clone()];
        let trimmed = part.trim();
        if !trimmed.is_empty() {
            entries.push(Entry {
                at: range.start + part.len() - part.trim_start().len(),
                text: trimmed.to_owned(),
            });
        }
    };
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                take(start..at);
                start = at + 1;
            }
            _ => {}
        }
    }
    take(start..text.len());
    entries
}

/// What an entry names.
pub fn tool(entry: &str) -> Tool<'_> {
    if entry == "*" {
        return Tool::All;
    }
    if entry.starts_with(MCP) {
        return Tool::Mcp(entry);
    }
    Tool::BuiltIn(entry.split('(').next().unwrap_or_default().trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_within_parentheses_separate_nothing() {
        let texts = |text| -> Vec<(usize, String)> {
            let entries = entries(text).into_iter();
            entries.map(|entry| (entry.at, entry.text)).collect()
        };
        let entry = |at, text: &str| (at, text.to_owned());
        assert_eq!(
            texts("Read,  Agent(a, b) , Bash(git log:*)"),
            [
                entry(0, "Read"),
                entry(7, "Agent(a, b)"),
                entry(21, "Bash(git log:*)")
            ]
        );
        assert_eq!(texts(" , ,"), []);
        assert_eq!(texts("Agent(a, b"), [entry(0, "Agent(a, b")]);
        assert_eq!(texts("é), Read"), [entry(0, "é)"), entry(5, "Read")]);
    }

    #[test]
    fn an_entry_names_a_tool() {
        assert_eq!(tool("*"), Tool::All);
        assert_eq!(tool("mcp__git__*"), Tool::Mcp("mcp__git__*"));
        assert_eq!(tool("Agent (a)"), Tool::BuiltIn("Agent"));
        assert_eq!(tool("Read"), Tool::BuiltIn("Read"));
    }
}
