//! The ids of the executions of an agent.

/// Before the id of a prompt: the client's own ids of agents begin otherwise.
const MAIN: &str = "main-";

/// The agent that stands for one turn of the main thread. The id of its prompt is the same in
/// whatever order and from whatever source the turn is reported.
pub fn main_id(prompt_id: &str) -> String {
    format!("{MAIN}{prompt_id}")
}

/// The prompt behind [`main_id`]; none for an agent.
pub fn prompt_of(agent_id: &str) -> Option<&str> {
    agent_id.strip_prefix(MAIN)
}

/// The execution of an agent's turn, counted from 1.
pub fn execution_id(agent_id: &str, turn: usize) -> String {
    if turn <= 1 {
        agent_id.to_owned()
    } else {
        format!("{agent_id}#{turn}")
    }
}

/// The agent and the turn behind [`execution_id`].
pub fn turn_of(execution_id: &str) -> (&str, usize) {
    execution_id
        .rsplit_once('#')
        .and_then(|(agent, turn)| Some((agent, turn.parse().ok().filter(|&turn| turn > 1)?)))
        .unwrap_or((execution_id, 1))
}
