//! The labels that a series has before anything is counted under them. Prometheus sees no increase
//! of a series that begins at its first count: a dozen failures of a new type within one scrape
//! would fire no alert.

use agentpulse_core::agent_type::{AgentTypes, GENERIC};
use agentpulse_core::names::OTHER;

/// The tools that Claude Code has by itself; others come from servers and plugins, whose names
/// nobody knows before.
const TOOLS: [&str; 28] = [
    "Agent",
    "AskUserQuestion",
    "Bash",
    "BashOutput",
    "Edit",
    "ExitPlanMode",
    "Glob",
    "Grep",
    "KillShell",
    "LS",
    "ListMcpResourcesTool",
    "MultiEdit",
    "NotebookEdit",
    "NotebookRead",
    "Read",
    "ReadMcpResourceTool",
    "SendMessage",
    "Skill",
    "Task",
    "TaskCreate",
    "TaskOutput",
    "TaskStop",
    "TaskUpdate",
    "TodoWrite",
    "WebFetch",
    "WebSearch",
    "Workflow",
    "Write",
];

/// The types of a table, of which it has at most 64.
pub fn types(table: &AgentTypes) -> impl Iterator<Item = &str> {
    table.types().chain([GENERIC, OTHER])
}

pub fn tools() -> impl Iterator<Item = &'static str> {
    TOOLS.into_iter().chain([OTHER])
}
