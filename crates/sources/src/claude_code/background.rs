//! What a stop of the main thread says of the agents in the background: which of them run.

use crate::fields::Fields;
use crate::json::items;
use agentpulse_core::turns::Signal;

/// The hook program sends no longer list.
const MAX_TASKS: usize = 256;

/// Returns `None` for a list of which not each id is known: an agent that is missing from the
/// others may be behind that one.
pub(super) fn in_background(payload: &Fields) -> Option<Signal> {
    let tasks = items(payload.object.get("background_tasks")?, MAX_TASKS + 1)?;
    let id = |task| {
        let task = payload.of_value("background_tasks", task).ok()?;
        task.name("id").ok()?
    };
    let ids: Vec<String> = tasks.into_iter().map(id).collect::<Option<_>>()?;
    (ids.len() <= MAX_TASKS).then_some(Signal::InBackground(ids))
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use serde_json::{Value, json};

    use super::*;
    use crate::{Clock, LineKey, decode};
    use agentpulse_core::event::Event;

    fn listed(event: &str, more: Value) -> Option<Vec<String>> {
        let mut payload = json!({"hook_event_name": event, "session_id": "s", "prompt_id": "p"});
        let more = more.as_object().unwrap().clone();
        payload.as_object_mut().unwrap().extend(more);
        let line = json!({"event": "hook", "source": "claude-code", "id": "0".repeat(32),
            "observed_at": 1_795_200_000_000_i64, "payload": payload});
        let clock = Clock {
            now_ms: 1_795_200_000_000,
            keep_ms: 86_400_000,
            zone: TimeZone::UTC,
        };
        let event = decode(line.to_string().as_bytes(), &clock, LineKey::default());
        let Ok(Event::Hook(hook)) = event else {
            panic!("{line}: {event:?}");
        };
        hook.signals.into_iter().find_map(|signal| match signal {
            Signal::InBackground(ids) => Some(ids),
            _ => None,
        })
    }

    fn of_stop(tasks: Value) -> Option<Vec<String>> {
        listed("Stop", json!({"background_tasks": tasks}))
    }

    #[test]
    fn a_stop_of_the_main_thread_lists_what_runs() {
        let agent = json!({"id": "a1", "type": "subagent", "status": "running",
            "description": "x", "agent_type": "probe"});
        let workflow = json!({"id": "w1", "type": "workflow"});
        let ids = of_stop(json!([agent, workflow]));
        assert_eq!(ids, Some(vec!["a1".to_owned(), "w1".to_owned()]));
        assert_eq!(of_stop(json!([])), Some(Vec::new()), "nothing runs");
        let most = vec![agent.clone(); MAX_TASKS];
        assert_eq!(of_stop(json!(most)).unwrap().len(), MAX_TASKS);
        // The same list of a stop that is of an agent, where it is no news.
        let of_agent = json!({"background_tasks": [], "agent_id": "a1", "agent_type": "probe"});
        assert_eq!(listed("SubagentStop", of_agent), None);
    }

    #[test]
    fn what_is_no_whole_list_of_ids_says_nothing() {
        assert_eq!(listed("Stop", json!({})), None, "of an older client");
        let agent = json!({"id": "a1"});
        for odd in [
            json!(null),
            json!("a1"),
            json!({"id": "a1"}),
            json!(7),
            json!([agent, "a2"]),
            json!([agent, {"type": "subagent"}]),
            json!([agent, {"id": 7}]),
            json!([agent, {"id": null}]),
            json!([agent, {"id": ""}]),
            json!([agent, {"id": "a".repeat(300)}]),
            json!([agent, [], null]),
            json!(vec![agent.clone(); MAX_TASKS + 1]),
        ] {
            assert_eq!(of_stop(odd.clone()), None, "{odd}");
        }
    }
}
