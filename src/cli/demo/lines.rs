//! The events of a planned day, in the order in which they would have arrived.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::cast::{Craft, ERRORS, tools};
use super::day::{Day, Ending, Run};
use super::random::Random;
use agentpulse_core::bucket::rfc3339;

/// A run calls a tool about so often, in seconds.
const CALL_EVERY_S: f64 = 7.0;
const MAX_CALLS: u64 = 150;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Start,
    /// Sent at the end of the day for what still runs, so that the live view has a progress.
    Progress,
    Stop,
}

/// Moments and lines, oldest first. A line is made when it is taken: of a large day there is
/// never more than the plan in memory.
pub fn lines(day: Day) -> impl Iterator<Item = (i64, String)> + Send {
    let mut moments = Vec::with_capacity(2 * day.runs.len());
    for (place, run) in day.runs.iter().enumerate() {
        moments.push((run.start_ms, place, Kind::Start));
        if run.is_running_at(day.end_ms) {
            moments.push((day.end_ms, place, Kind::Progress));
        } else if run.ending != Ending::Hung {
            moments.push((run.end_ms, place, Kind::Stop));
        }
    }
    moments.sort_unstable();
    moments.into_iter().map(move |(at_ms, place, kind)| {
        let run = &day.runs[place];
        // Each line has a sequence of its own, whatever is made before it.
        let mut random = Random::new(day.seed ^ ((place as u64) << 2 | kind as u64) << 32);
        let event = match kind {
            Kind::Start => start(&day, run, &mut random),
            Kind::Progress => progress(run, &mut random),
            Kind::Stop => stop(&day, run, &mut random),
        };
        (at_ms, event.to_string())
    })
}

fn start(day: &Day, run: &Run, random: &mut Random) -> Value {
    let session = &day.sessions[run.session];
    let mut granted: Vec<&str> = tools(run.agent.craft)
        .iter()
        .map(|&(tool, _)| tool)
        .collect();
    if run.agent.craft == Craft::Delegates {
        granted.push("Task");
    }
    json!({
        "event": "start",
        "agent_id": run.id,
        "agent_name": run.agent.name,
        "start_time": rfc3339(run.start_ms),
        "task_description": run.agent.task,
        "tools_granted": granted,
        "context_size": random.log_normal(9_000.0, 0.7) as u64,
        "session_id": session.id,
        "parent_agent_id": parent(day, run),
        "model": session.model,
        "host": session.host,
        "source": "demo",
    })
}

fn progress(run: &Run, random: &mut Random) -> Value {
    json!({
        "event": "progress",
        "agent_id": run.id,
        "progress": random.between(5, 95) as f64 / 100.0,
        "current_tool": random.pick(tools(run.agent.craft)).0,
    })
}

fn stop(day: &Day, run: &Run, random: &mut Random) -> Value {
    let calls = tool_calls(run, random);
    let (status, error) = match run.ending {
        Ending::Failure => ("failure", Some(*random.pick(ERRORS))),
        Ending::Timeout => (
            "timeout",
            Some(("Timeout", "the limit of 600 s was reached")),
        ),
        Ending::Success | Ending::Hung => ("success", None),
    };
    let error = error.map(|(kind, message)| {
        json!({"type": kind, "message": message, "stack_trace": format!("at {}", run.agent.name)})
    });
    json!({
        "event": "stop",
        "agent_id": run.id,
        "agent_name": run.agent.name,
        "execution_start": rfc3339(run.start_ms),
        "execution_end": rfc3339(run.end_ms),
        "duration_ms": run.duration_ms(),
        "status": status,
        "error_details": error,
        "tools_used": calls.keys().collect::<Vec<_>>(),
        "token_usage": token_usage(&calls, random),
        "performance_metrics": {
            "response_time_ms": random.log_normal(1_400.0, 0.5) as u64,
            "memory_usage_mb": random.between(300, 1_900) as f64 / 10.0,
            "cpu_usage_percent": random.between(10, 700) as f64 / 10.0,
        },
        "task_metadata": {
            "description": run.agent.task,
            "source": task_source(run),
            "parent_task_id": parent(day, run),
            "wave_number": run.wave,
        },
        "output_metrics": output(run, &calls, random),
        "tool_calls": calls,
        "model": day.sessions[run.session].model,
    })
}

fn parent<'a>(day: &'a Day, run: &Run) -> Option<&'a str> {
    run.parent.map(|place| day.runs[place].id.as_str())
}

fn task_source(run: &Run) -> &'static str {
    match (run.parent, run.wave) {
        (Some(_), _) => "wave_orchestration",
        (None, 1) => "user_command",
        (None, _) => "auto_activation",
    }
}

fn tool_calls(run: &Run, random: &mut Random) -> BTreeMap<&'static str, u64> {
    let tools = tools(run.agent.craft);
    let seconds = run.duration_ms() as f64 / 1000.0;
    let wanted = random.log_normal(1.0 + seconds / CALL_EVERY_S, 0.4) as u64;
    let mut calls = BTreeMap::new();
    for _ in 0..wanted.min(MAX_CALLS) {
        let tool = random.weighted(tools.iter().map(|&(_, weight)| weight));
        *calls.entry(tools[tool].0).or_default() += 1;
    }
    if run.children > 0 {
        calls.insert("Task", run.children);
    }
    calls
}

/// Each request sends the conversation again, nearly all of it from the cache. The cost is left to
/// the daemon's table of prices.
fn token_usage(calls: &BTreeMap<&'static str, u64>, random: &mut Random) -> Value {
    let requests = (1 + calls.values().sum::<u64>()) as f64;
    let input = random.log_normal(300.0 * requests.sqrt(), 0.5) as u64;
    let output = random.log_normal(180.0 * requests, 0.4) as u64;
    json!({
        "input_tokens": input,
        "output_tokens": output,
        "cache_read_tokens": random.log_normal(16_000.0 * requests, 0.3) as u64,
        "cache_write_tokens": random.log_normal(9_000.0 + 700.0 * requests, 0.3) as u64,
        "total_tokens": input + output,
    })
}

fn output(run: &Run, calls: &BTreeMap<&'static str, u64>, random: &mut Random) -> Value {
    let called = |tool: &str| calls.get(tool).copied().unwrap_or(0);
    let edits = called("Edit") + called("NotebookEdit");
    let runs_tests = run.agent.name.contains("test") && called("Bash") > 0;
    let tests = if runs_tests {
        random.between(8, 240)
    } else {
        0
    };
    let is_red = runs_tests && run.ending == Ending::Failure;
    let failed = if is_red { random.between(1, 4) } else { 0 };
    json!({
        "files_created": called("Write"),
        "files_modified": edits.div_ceil(2),
        "lines_added": (edits + 4 * called("Write")) * random.between(3, 25),
        "lines_removed": edits * random.between(0, 12),
        "tests_passed": tests - failed,
        "tests_failed": failed,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use jiff::tz::TimeZone;

    use super::*;
    use agentpulse_core::event::Event;
    use agentpulse_core::execution::Fact;
    use agentpulse_sources::{Clock, LineKey, decode};

    /// 2026-11-20T18:40:00Z.
    const END_MS: i64 = 1_795_200_000_000;

    fn day() -> Vec<(i64, String)> {
        lines(Day::plan(1, 2_000, END_MS)).collect()
    }

    #[test]
    fn the_same_seed_makes_the_same_lines() {
        assert_eq!(day(), day());
    }

    #[test]
    fn the_daemon_would_take_every_line() {
        let clock = Clock {
            now_ms: END_MS,
            keep_ms: 8 * 86_400_000,
            zone: TimeZone::UTC,
        };
        let (mut starts, mut stops, mut signs) = (HashSet::new(), HashSet::new(), 0);
        let mut last_ms = i64::MIN;
        for (at_ms, line) in day() {
            assert!(last_ms <= at_ms && at_ms <= END_MS);
            last_ms = at_ms;
            match decode(line.as_bytes(), &clock, LineKey::default()).unwrap() {
                Event::Fact {
                    id,
                    fact: Fact::Start(start),
                } => {
                    assert_eq!(start.started_ms, at_ms);
                    if let Some(parent) = &start.origin.parent_agent_id {
                        assert!(starts.contains(parent), "{parent} began before its child");
                    }
                    assert!(starts.insert(id));
                }
                Event::Fact {
                    id,
                    fact: Fact::Stop(stop),
                } => {
                    assert_eq!(stop.ended_ms, at_ms);
                    assert!(starts.contains(&id));
                    assert!(stops.insert(id));
                }
                Event::Progress(_) => signs += 1,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(starts.len(), 2_000);
        // Without a stop are only those that run on, of which each has a progress, and a few hung.
        let hung = starts.len() - stops.len() - signs;
        assert!(signs > 0 && (1..20).contains(&hung), "{signs} {hung}");
    }

    #[test]
    fn children_are_calls_of_task() {
        let day = Day::plan(1, 2_000, END_MS);
        let parent = day.runs.iter().find(|run| run.children > 1).unwrap();
        let stop = stop(&day, parent, &mut Random::new(1));
        assert_eq!(stop["tool_calls"]["Task"], parent.children);
        let total = stop["token_usage"]["total_tokens"].as_u64().unwrap();
        let input = stop["token_usage"]["input_tokens"].as_u64().unwrap();
        assert!(input > 0 && total > input);
    }
}
