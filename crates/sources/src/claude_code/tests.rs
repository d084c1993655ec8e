//! Sessions at random, reported in any order and any number of times, against a naive account of
//! what they amount to. The account is made from what the runs were, before they become lines.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{Clock, LineKey, decode};
use agentpulse_core::bucket::DAY_MS;
use agentpulse_core::event::Event;
use agentpulse_core::turns::{SessionMark, Signal, Turn, Turns};

const BASE_MS: i64 = 1_795_197_600_000;
/// Between two lines: what is reported within a second is one thing reported twice.
const STEP_MS: i64 = 2_000;

/// What ended a run, if anything did that was reported.
#[derive(Clone, Debug)]
enum Ending {
    Stops { failed: bool, sent_on: usize },
    Nameless,
    TaskStop,
    Nothing,
}

#[derive(Clone, Debug)]
struct Run {
    agent: usize,
    session: usize,
    start_is_lost: bool,
    tools: usize,
    ending: Ending,
    tools_after: usize,
    session_ends: bool,
    orphan: bool,
}

/// One run as the contract has it: when it began and ended, with which error, and its tools.
type Account = (Option<i64>, Option<(i64, Option<String>)>, u64);

#[derive(Default)]
struct Reported {
    lines: Vec<Value>,
    at_ms: i64,
}

impl Reported {
    fn say(&mut self, session: usize, mut payload: Value) -> i64 {
        self.at_ms += STEP_MS;
        payload["session_id"] = format!("s{session}").into();
        payload["transcript_path"] = format!("/t/s{session}.jsonl").into();
        self.lines.push(json!({
            "event": "hook", "source": "claude-code", "observed_at": self.at_ms,
            "id": format!("{:032x}", self.lines.len()), "payload": payload,
        }));
        self.at_ms
    }

    fn of(&mut self, run: &Run, event: &str, more: Value) -> i64 {
        let mut payload = json!({
            "hook_event_name": event, "agent_id": format!("a{}", run.agent),
            "agent_type": "probe",
        });
        for (field, value) in more.as_object().into_iter().flatten() {
            payload[field] = value.clone();
        }
        self.say(run.session, payload)
    }

    fn tools(&mut self, run: &Run, count: usize) {
        for _ in 0..count {
            let tool = json!({"tool_name": "Read", "tool_use_id": format!("t{}", self.at_ms)});
            self.of(run, "PreToolUse", tool.clone());
            self.of(run, "PostToolUse", tool);
        }
    }
}

/// The lines of the runs, one after the other, and what they amount to, by agent. A start is only
/// lost where nothing of the agent was reported before in the session, where it does not run in
/// another (its stop would be of that run), and where it stopped as well
/// as the next one, if there is one: else it might as well be the next one's, by a clock set back.
fn report(runs: &[Run]) -> (Vec<Value>, BTreeMap<String, Vec<Account>>) {
    let mut reported = Reported {
        at_ms: BASE_MS,
        ..Reported::default()
    };
    let mut accounts: BTreeMap<String, Vec<Account>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    // Runs that nothing ended yet: their agent's index in the list, and their session.
    let mut open: Vec<(String, usize, usize)> = Vec::new();
    for (i, run) in runs.iter().enumerate() {
        let agent = format!("a{}", run.agent);
        let is_first = seen.insert((run.agent, run.session));
        let stops = |run: &Run| matches!(run.ending, Ending::Stops { .. });
        let is_next = |next: &&Run| (next.agent, next.session) == (run.agent, run.session);
        let next = runs[i + 1..].iter().find(is_next);
        let is_open_elsewhere = open.iter().any(|(other, ..)| *other == agent);
        let may_be_lost = is_first && stops(run) && next.is_none_or(stops) && !is_open_elsewhere;
        let begun = (!run.start_is_lost || !may_be_lost)
            .then(|| reported.of(run, "SubagentStart", json!({})));
        // An earlier run of it in this session is over, and nothing better will be reported of it.
        open.retain(|(other, index, session)| {
            let is_before = (other, *session) == (&agent, run.session);
            if is_before {
                let account = &mut accounts.get_mut(other).unwrap()[*index];
                account.1 = begun.map(|at_ms| (at_ms, Some("interrupted".to_owned())));
            }
            !is_before
        });
        reported.tools(run, run.tools);
        let end = match run.ending {
            Ending::Stops { failed, sent_on } => {
                let first = reported.of(run, "SubagentStop", json!({}));
                let (event, more) = match failed {
                    true => ("StopFailure", json!({"error": "overloaded"})),
                    false => ("SubagentStop", json!({"stop_hook_active": true})),
                };
                let again = (0..sent_on)
                    .map(|_| reported.of(run, event, more.clone()))
                    .last();
                let error = again.filter(|_| failed).map(|_| "overloaded".to_owned());
                Some((again.unwrap_or(first), error))
            }
            Ending::Nameless => Some((
                reported.of(run, "SubagentStop", json!({"agent_type": ""})),
                None,
            )),
            Ending::TaskStop => {
                let stopped = json!({"hook_event_name": "PostToolUse", "tool_name": "TaskStop",
                    "tool_use_id": format!("k{}", reported.at_ms),
                    "tool_input": {"task_id": agent}});
                let at_ms = reported.say(run.session, stopped);
                for (other, index, _) in open.iter().filter(|(other, ..)| *other == agent) {
                    let account: &mut Account = &mut accounts.get_mut(other).unwrap()[*index];
                    account.1 = Some((at_ms, Some("stopped".to_owned())));
                }
                open.retain(|(other, ..)| *other != agent);
                Some((at_ms, Some("stopped".to_owned())))
            }
            Ending::Nothing => None,
        };
        reported.tools(run, run.tools_after);
        let of_agent = accounts.entry(agent.clone()).or_default();
        if end.is_none() {
            open.push((agent, of_agent.len(), run.session));
        }
        of_agent.push((begun, end, (run.tools + run.tools_after) as u64));
        if run.orphan {
            let orphan = json!({"hook_event_name": "SubagentStop", "agent_type": "",
                "agent_id": format!("fork{}", reported.at_ms)});
            reported.say(run.session, orphan);
        }
        if run.session_ends {
            let at_ms = reported.say(run.session, json!({"hook_event_name": "SessionEnd"}));
            for (agent, index, _) in open.iter().filter(|(.., s)| *s == run.session) {
                let account = &mut accounts.get_mut(agent).unwrap()[*index];
                account.1 = Some((at_ms, Some("interrupted".to_owned())));
            }
            open.retain(|(.., session)| *session != run.session);
        }
    }
    (reported.lines, accounts)
}

/// What the marks amount to, as the writer would keep them.
fn derived(lines: &[Value]) -> BTreeMap<String, Vec<Account>> {
    let clock = Clock {
        now_ms: BASE_MS + DAY_MS,
        keep_ms: 90 * DAY_MS,
        zone: TimeZone::UTC,
    };
    let mut agents: BTreeMap<String, Turns> = BTreeMap::new();
    let mut marks: BTreeMap<String, BTreeSet<SessionMark>> = BTreeMap::new();
    for line in lines {
        let Ok(Event::Hook(hook)) = decode(line.to_string().as_bytes(), &clock, LineKey::default())
        else {
            panic!("{line}");
        };
        for signals in &hook.signals {
            match signals {
                Signal::Session(event) => {
                    let session_id = hook.session_id.clone().unwrap();
                    let mark = SessionMark {
                        at_ms: hook.at_ms,
                        what: event.clone(),
                    };
                    marks.entry(session_id).or_default().insert(mark);
                }
                Signal::Agent { id, what, .. } => {
                    agents
                        .entry(id.clone())
                        .or_default()
                        .apply(what, &hook)
                        .unwrap();
                }
                Signal::InBackground(_) => {}
            }
        }
    }
    let marks_of = |session: &str| -> Vec<SessionMark> {
        marks.get(session).into_iter().flatten().cloned().collect()
    };
    let account = |turn: Turn| {
        let end = turn.end.map(|end| (end.at_ms, end.failure));
        (turn.started_ms, end, turn.tool_calls.values().sum())
    };
    let accounts = agents.iter().map(|(id, turns)| {
        let turns = turns.derive(marks_of).into_iter().map(account);
        (id.clone(), turns.collect::<Vec<_>>())
    });
    accounts.filter(|(_, turns)| !turns.is_empty()).collect()
}

fn runs() -> impl Strategy<Value = Vec<Run>> {
    let ending = prop_oneof![
        4 => (any::<bool>(), 0..3_usize)
            .prop_map(|(failed, sent_on)| Ending::Stops { failed, sent_on }),
        1 => Just(Ending::Nameless),
        1 => Just(Ending::TaskStop),
        2 => Just(Ending::Nothing),
    ];
    let rarely = || prop::bool::weighted(0.2);
    let who = (0..3_usize, 0..2_usize, rarely());
    let run = (who, 0..3_usize, ending, 0..2_usize, (rarely(), rarely()));
    let run = run.prop_map(
        |(who, tools, ending, tools_after, (session_ends, orphan))| Run {
            agent: who.0,
            session: who.1,
            start_is_lost: who.2,
            tools,
            ending,
            tools_after,
            session_ends,
            orphan,
        },
    );
    proptest::collection::vec(run, 1..9)
}

proptest! {
    #[test]
    fn any_order_and_repetition_amounts_to_what_the_runs_were(
        runs in runs(),
        keys in proptest::collection::vec(any::<u32>(), 400),
        again in proptest::collection::vec(0..200_usize, 0..60),
    ) {
        let (lines, expected) = report(&runs);
        prop_assert_eq!(&derived(&lines), &expected);
        let repeated = again.iter().filter_map(|&i| lines.get(i).cloned());
        let mut shuffled: Vec<_> = keys.iter().zip(lines.iter().cloned().chain(repeated)).collect();
        shuffled.sort_by_key(|(key, _)| **key);
        let shuffled: Vec<Value> = shuffled.into_iter().map(|(_, line)| line).collect();
        prop_assert_eq!(&derived(&shuffled), &expected);
    }
}
