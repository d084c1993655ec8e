//! Which prompt of the main thread a line is of.

use memchr::memmem;

use super::hash::hash;
use super::line::{Line, readable};

/// A line without it begins no turn: most lines are of the model, and are not parsed.
const FIELD: &[u8] = b"\"promptId\"";

/// Stands for the id of a prompt; it takes the same memory for any id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PromptKey(u128);

impl PromptKey {
    pub fn new(prompt_id: &str) -> PromptKey {
        PromptKey(hash(prompt_id))
    }

    /// None for a line that names no prompt, or is a copy of another session's.
    pub fn of_line(bytes: &[u8]) -> Option<PromptKey> {
        memmem::find(bytes, FIELD)?;
        let text = readable(bytes);
        let line = Line::parse(text.as_bytes())?;
        let prompt_id = line.prompt_id().filter(|_| !line.is_inherited());
        prompt_id.map(PromptKey::new)
    }
}
