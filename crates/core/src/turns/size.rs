//! How much memory what hooks said of an agent takes.

use super::marks::Turns;

/// Of a mark, a name or a call, beside its text.
const ENTRY_BYTES: usize = 64;

impl Turns {
    /// About how much memory it takes, in bytes.
    pub fn bytes(&self) -> usize {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let sessions = self.sessions.iter();
        let sessions = sessions.map(|session| {
            text(&session.id) + text(&session.transcript) + session.identity.bytes()
        });
        let failures = self.stops.iter().map(|stop| text(&stop.failure));
        let names = self
            .children
            .iter()
            .chain(&self.tool_names)
            .map(String::len);
        let texts: usize = sessions.chain(failures).chain(names).sum();
        let entries = self.sessions.len()
            + self.starts.len()
            + self.stops.len()
            + self.closings.len()
            + self.read_ends.len()
            + self.imported.len()
            + self.children.len()
            + self.tool_names.len()
            + self.tools.len();
        size_of::<Turns>() + texts + entries * ENTRY_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_paths_count() {
        let mut turns = Turns::default();
        let empty = turns.bytes();
        turns.add_child(&"c".repeat(200));
        assert_eq!(turns.bytes(), empty + 200 + ENTRY_BYTES);
        turns.set_transcript(Some("s"), &"p".repeat(300), true);
        assert_eq!(turns.bytes(), empty + 501 + 2 * ENTRY_BYTES);
    }
}
