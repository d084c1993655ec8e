//! The prompt of a definition of the library, which is kept nowhere but in its file.

use agentpulse_definitions::{Agent, Scope, State, names, prompt};

use crate::file;

pub const MAX_PROMPT_BYTES: usize = 64 << 10;

/// Why a prompt is not shown.
#[derive(Debug, thiserror::Error)]
pub enum NotShown {
    #[error("the prompt is shown of definitions of the library only, and this one is of scope {0}")]
    Place(Scope),
    #[error("the file is not as the registry has it: let it scan, and ask again")]
    Changed,
    #[error("the prompt has {0} bytes, at most {MAX_PROMPT_BYTES} are shown")]
    TooLong(usize),
}

/// As its file has it, if that is the version that the registry has. Blocks.
///
/// # Errors
/// It is not shown.
pub fn prompt_of(agent: &Agent) -> Result<String, NotShown> {
    if agent.scope != Scope::Library {
        return Err(NotShown::Place(agent.scope));
    }
    let found = file::read(&agent.path).map_err(|_| NotShown::Changed)?;
    let is_it = agent.state == State::Good && names::version(&found.bytes) == agent.version;
    let text = prompt(&found.bytes).filter(|_| is_it);
    let text = text.ok_or(NotShown::Changed)?;
    match text.len() {
        bytes if bytes > MAX_PROMPT_BYTES => Err(NotShown::TooLong(bytes)),
        _ => Ok(text),
    }
}
