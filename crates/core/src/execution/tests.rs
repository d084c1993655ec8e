//! What comes by itself and what hooks report, of one execution, in every order.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use serde_json::json;

use super::*;
use crate::kind::Kind;
use crate::turns::{AgentSignal, HookEvent, SessionEvent, SessionMark, Turn, Turns};
use crate::usage::{ApiFailure, Usage};

const PLAIN_START: char = 'S';
const PLAIN_STOP: char = 'E';
const HOOK_START: char = 's';
const HOOK_STOP: char = 'e';
const TOOL: char = 't';
const SESSION_END: char = 'x';
const TIMEOUT: char = 'z';
const ALL: [char; 7] = [
    PLAIN_START,
    PLAIN_STOP,
    HOOK_START,
    HOOK_STOP,
    TOOL,
    SESSION_END,
    TIMEOUT,
];
const TOKENS: u64 = 100;

/// To read its tables takes longer than all else.
static CATALOG: LazyLock<Catalog> = LazyLock::new(Catalog::default);

fn plain_start() -> Start {
    Start {
        agent_name: "plain".to_owned(),
        agent_type: None,
        started_ms: 10_500,
        task_description: Some("look".to_owned()),
        tools_granted: Vec::new(),
        context_size: None,
        origin: Origin {
            host: Some("here".to_owned()),
            ..Origin::default()
        },
    }
}

fn bare_stop(ended_ms: i64, status: Status, origin: Origin) -> Stop {
    Stop {
        agent_name: None,
        agent_type: None,
        started_ms: None,
        ended_ms,
        duration_ms: None,
        status,
        error_details: None,
        tools_used: Vec::new(),
        tool_calls: BTreeMap::new(),
        token_usage: None,
        performance_metrics: None,
        task_metadata: None,
        output_metrics: None,
        origin,
    }
}

fn plain_stop() -> Stop {
    Stop {
        token_usage: Some(TokenUsage {
            input_tokens: TOKENS,
            total_tokens: TOKENS,
            ..TokenUsage::default()
        }),
        ..bare_stop(20_500, Status::Success, Origin::default())
    }
}

fn of_hooks() -> Origin {
    Origin {
        session_id: Some("session".to_owned()),
        source: Some("claude-code".to_owned()),
        ..Origin::default()
    }
}

fn reported(turn: &Turn) -> TurnFacts {
    let start = turn.started_ms.map(|started_ms| Start {
        agent_name: "probe".to_owned(),
        started_ms,
        task_description: None,
        origin: of_hooks(),
        ..plain_start()
    });
    let stop = turn.end.as_ref().map(|end| {
        let failed = end.failure.is_some();
        let status = [Status::Success, Status::Failure][usize::from(failed)];
        bare_stop(end.at_ms, status, of_hooks())
    });
    TurnFacts {
        start,
        stop,
        is_closed: turn.end.as_ref().is_some_and(|end| end.is_closing),
        kind: Kind::Agent,
        is_discovered: turn.is_discovered,
        transcript: None,
        later_transcripts: Vec::new(),
        later_sessions: Vec::new(),
        tool_calls: turn.tool_calls.clone(),
        tool_errors: turn.tool_errors,
        task_description: None,
        depth: None,
    }
}

/// One execution, and what brought it there.
#[derive(Clone)]
struct Case {
    steps: String,
    turns: Turns,
    session_ends: Vec<i64>,
    execution: Execution,
    /// The plain start and the plain stop that were accepted.
    accepted: [bool; 2],
}

impl Case {
    fn new() -> Case {
        Case {
            steps: String::new(),
            turns: Turns::default(),
            session_ends: Vec::new(),
            execution: Execution::new("x".to_owned()),
            accepted: [false; 2],
        }
    }

    fn after(&self, step: char) -> Case {
        let mut after = self.clone();
        after.step(step);
        after.check();
        after
    }

    fn step(&mut self, step: char) {
        self.steps.push(step);
        match step {
            PLAIN_START => self.plain(0, Fact::Start(plain_start().into())),
            PLAIN_STOP => self.plain(1, Fact::Stop(plain_stop().into())),
            TIMEOUT => {
                let fact = Fact::TimedOut { ended_ms: 30_000 };
                self.execution.merge(fact, &CATALOG);
            }
            _ => self.hook(step),
        }
    }

    fn plain(&mut self, which: usize, fact: Fact) {
        if !self.execution.accepts(&fact) {
            return;
        }
        assert!(!self.accepted[which], "{} accepted it twice", self.steps);
        self.accepted[which] = true;
        let is_stop = matches!(fact, Fact::Stop(_));
        self.execution.merge(fact, &CATALOG);
        if is_stop && self.execution.hooked.is_some() {
            self.apply_turn();
        }
    }

    fn hook(&mut self, step: char) {
        let (at_ms, what) = match step {
            HOOK_START => (
                10_000,
                AgentSignal::Started {
                    name: Some("probe".to_owned()),
                    prompt: None,
                },
            ),
            HOOK_STOP => (
                20_000,
                AgentSignal::Stopped {
                    name: Some("probe".to_owned()),
                    failure: None,
                    again: false,
                },
            ),
            TOOL => (
                15_000,
                AgentSignal::ToolEnded {
                    use_id: Some("call".to_owned()),
                    name: "Read".to_owned(),
                    failed: false,
                },
            ),
            _ => {
                self.session_ends = vec![25_000];
                return self.apply_turn();
            }
        };
        let hook = HookEvent {
            source: "claude-code",
            line: step as u64,
            at_ms,
            session_id: Some("session".to_owned()),
            signals: Vec::new(),
        };
        self.turns.apply(&what, &hook).unwrap();
        self.apply_turn();
        if step == TOOL {
            self.execution.merge(Fact::Alive, &CATALOG);
        }
    }

    fn apply_turn(&mut self) {
        let ended = |&at_ms: &i64| SessionMark {
            at_ms,
            what: SessionEvent::Ended,
        };
        let ends = self.session_ends.iter();
        let turns = self.turns.derive(|_| ends.clone().map(ended).collect());
        assert!(turns.len() <= 1, "{} is one turn", self.steps);
        if let Some(turn) = turns.first() {
            self.execution.apply_turn(reported(turn), &CATALOG);
        }
    }

    fn check(&self) {
        let (one, steps) = (&self.execution, &self.steps);
        let was = |step: char| steps.contains(step);
        let is_stopped = was(PLAIN_STOP) || was(HOOK_STOP) || was(HOOK_START) && was(SESSION_END);
        assert_eq!(one.stop.is_some(), is_stopped, "{steps}");
        let [started, stopped] = self.accepted;
        let place = |step: char| steps.find(step).unwrap_or(usize::MAX);
        // A stop hook that came first is the stop; the end of the session is not.
        let takes_plain = was(PLAIN_STOP) && place(PLAIN_STOP) < place(HOOK_STOP);
        assert_eq!(stopped, takes_plain, "{steps}");
        let tokens = one.token_usage().map(|usage| usage.total_tokens);
        assert_eq!(tokens, stopped.then_some(TOKENS), "{steps}");
        let counted = one.contribution().map(|added| added.tally);
        assert!(counted.is_none_or(|tally| tally.execution_count == 1));
        if is_stopped {
            assert_eq!(counted.unwrap().timeout_count, 0, "{steps}");
            let ended_ms = one.outcome().unwrap().ended_ms;
            assert_eq!(ended_ms == 20_500, stopped, "{steps}");
        }
        // Whichever start came first stays, with all that it said.
        let is_plain = |start: &Arc<Start>| **start == plain_start();
        assert_eq!(one.start.as_ref().is_some_and(is_plain), started, "{steps}");
        let has_start = started || was(HOOK_START);
        assert_eq!(one.start.is_some(), has_start, "{steps}");
        let of_session = one.origin(|origin| &origin.session_id).is_some();
        assert_eq!(of_session, was(HOOK_START) || was(HOOK_STOP), "{steps}");
    }
}

#[test]
fn plain_events_keep_their_fields_in_every_order_with_hooks() {
    let mut reached = vec![Case::new()];
    let mut of_both = [0; 2];
    while let Some(case) = reached.pop() {
        let rest = ALL.iter().filter(|&&step| !case.steps.contains(step));
        reached.extend(rest.map(|&step| case.after(step)));
        if case.steps.len() < ALL.len() {
            continue;
        }
        // All of it comes again.
        let again = case
            .steps
            .chars()
            .fold(case.clone(), |case, step| case.after(step));
        assert_eq!(again.accepted, case.accepted, "{}", again.steps);
        of_both[usize::from(case.accepted == [true, true])] += 1;
    }
    assert_eq!(of_both[0] + of_both[1], 5_040);
    assert!(of_both.iter().all(|&count| count > 0), "{of_both:?}");
}

#[test]
fn detaching_hooks_keeps_what_plain_events_set() {
    let turn = Turn {
        started_ms: Some(10_000),
        ..Turn::default()
    };
    let mut hooks_only = Execution::new("x".to_owned());
    hooks_only.apply_turn(reported(&turn), &CATALOG);
    let mut stopped = hooks_only.clone();
    hooks_only.detach_turn(&CATALOG);
    assert_eq!(hooks_only, Execution::new("x".to_owned()));

    stopped.merge(Fact::Stop(plain_stop().into()), &CATALOG);
    stopped.detach_turn(&CATALOG);
    let mut plain = Execution::new("x".to_owned());
    plain.merge(Fact::Stop(plain_stop().into()), &CATALOG);
    assert_eq!(stopped, plain);
}

#[test]
fn a_row_that_does_not_say_whose_it_is_keeps_what_only_a_plain_event_can_say() {
    let row = |start: serde_json::Value, stop: serde_json::Value| -> Execution {
        let row = json!({"id": "x", "start": start, "stop": stop, "hooked": {"tool_errors": 0},
            "resolved": {"agent_type": "t"}});
        serde_json::from_value(row).unwrap()
    };
    let of_hooks = json!({"agent_name": "probe", "started_ms": 9_000, "source": "claude-code"});
    let ended = json!({"agent_name": "probe", "ended_ms": 19_000, "status": "success",
        "source": "claude-code"});
    let turn = Turn {
        started_ms: Some(10_000),
        ..Turn::default()
    };
    let mut theirs = row(of_hooks.clone(), ended.clone());
    theirs.apply_turn(reported(&turn), &CATALOG);
    assert!(theirs.is_running());
    assert_eq!(theirs.started_ms(), Some(10_000));

    let mut with_tokens = ended.clone();
    with_tokens["token_usage"] = json!({"input_tokens": 100, "output_tokens": 0,
        "cache_read_tokens": 0, "cache_write_tokens": 0, "total_tokens": 100});
    let mut unsourced = ended;
    unsourced["source"] = "mine".into();
    for stop in [with_tokens, unsourced] {
        let mut plain = row(of_hooks.clone(), stop);
        let stop = plain.stop.clone();
        plain.apply_turn(reported(&turn), &CATALOG);
        assert_eq!(plain.stop, stop);
        let text = serde_json::to_string(&plain).unwrap();
        assert_eq!(serde_json::from_str::<Execution>(&text).unwrap(), plain);
        plain.apply_turn(reported(&turn), &CATALOG);
        assert_eq!(
            (plain.stop, plain.start.unwrap().started_ms),
            (stop, 10_000)
        );
    }
}

#[test]
fn an_empty_transcript_takes_nothing_from_a_stop_and_its_own_cost_wins() {
    let with = |cost_micros: Option<i64>, input_tokens: u64| {
        let mut stop = plain_stop();
        stop.tool_calls = [("Bash".to_owned(), 2)].into();
        stop.token_usage.as_mut().unwrap().cost_micros = cost_micros;
        let mut one = Execution::new("x".to_owned());
        one.merge(Fact::Stop(stop.into()), &CATALOG);
        one.apply_turn(reported(&Turn::default()), &CATALOG);
        let mut usage = Usage {
            cost_micros: Some(input_tokens as i64 * 2),
            ..Usage::default()
        };
        if input_tokens > 0 {
            let model = usage.models.entry("m".to_owned()).or_default();
            model.input_tokens = input_tokens;
            usage.tool_calls = [("Read".to_owned(), 1)].into();
        }
        let reading = Reading {
            ended_ms: 20_500,
            from: 0,
            usage: Ok(usage.into()),
        };
        one.read(reading, &CATALOG);
        let calls = one.tool_calls().keys().next().unwrap().clone();
        let tokens = one.token_usage().unwrap().total_tokens;
        (tokens, one.resolved.cost_micros, calls)
    };
    let bash = || "Bash".to_owned();
    assert_eq!(with(None, 0), (TOKENS, None, bash()));
    assert_eq!(with(Some(7), 0), (TOKENS, Some(7), bash()));
    assert_eq!(with(None, 300), (300, Some(600), "Read".to_owned()));
    assert_eq!(with(Some(7), 300), (300, Some(7), "Read".to_owned()));
}

#[test]
fn an_error_without_a_type_has_that_of_the_transcript() {
    let with = |kind: &str| {
        let mut stop = bare_stop(20_500, Status::Failure, Origin::default());
        stop.error_details = Some([("type".to_owned(), kind.into())].into_iter().collect());
        let mut one = Execution::new("x".to_owned());
        one.merge(Fact::Stop(stop.into()), &CATALOG);
        one.apply_turn(reported(&Turn::default()), &CATALOG);
        let usage = Usage {
            failure: Some(ApiFailure {
                kind: "overloaded".to_owned(),
                message: None,
                status: None,
            }),
            ..Usage::default()
        };
        let reading = Reading {
            ended_ms: 20_500,
            from: 0,
            usage: Ok(usage.into()),
        };
        one.read(reading, &CATALOG);
        one.error_details().unwrap().fields()["type"].clone()
    };
    assert_eq!(with(UNKNOWN_ERROR), "overloaded");
    assert_eq!(with("rate_limit"), "rate_limit");
}
