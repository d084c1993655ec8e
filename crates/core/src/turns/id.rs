//! The ids of the executions of an agent.

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
