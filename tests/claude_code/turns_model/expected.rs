//! What must come of a session: a function of the set of its hooks and lines that arrived, without
//! their order and number. It follows docs/claude-code.md and shares no code with the daemon.
//!
//! - A turn of the main thread runs from its first `UserPromptSubmit` to its last `Stop` or
//!   `StopFailure`. Without one it is closed by the first of the next prompt of the session and an
//!   end of the session. Failures alone are no turn.
//! - A turn of an agent runs from a start to the last stop before the next start. A stop without a
//!   start before it ends the next turn if that has no stop, else it is a turn of its own. Without
//!   a stop it is closed by the first of its agent's next start and the session's end, unless the
//!   agents live on after that.
//! - Of what no stop has ended the transcript shows the end: an interrupt at once, and the model's
//!   last word when the turn was closed or has timed out. Of a turn of the main thread only what is
//!   before its closing counts.
//! - An agent that no hook reported is counted by its transcript if that shows an end, once a turn
//!   of the main thread has ended.
//!
//! One thing depends on the order until the deadline: an agent that has started and not stopped,
//! whose transcript ends. If that was found before the start came, it has ended; else it runs,
//! because a stop hook may still send it on. After the deadline it is the same.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::history::{Ms, Said, Session, What};

/// The first lines are written a little before the hook of their turn.
const SLACK: Ms = 5_000;
/// What two hooks report within this is one thing.
const TWICE: Ms = 1_000;

#[derive(Clone, Debug)]
struct End {
    at: Ms,
    error: Option<String>,
}

#[derive(Debug, Default)]
struct Run<'a> {
    kind: &'static str,
    parent: Option<usize>,
    started: Option<Ms>,
    own: Option<End>,
    closed: Option<Ms>,
    /// Its lines, if it has a transcript.
    lines: Option<Vec<&'a (Ms, Said)>>,
}

/// When it is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum When {
    BeforeDeadlines,
    AfterDeadlines,
}

/// The executions by their ids without the tag, each with the fields that are certain.
pub fn expected(session: &Session, when: When) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for prompt in 0..session.prompts {
        let run = main_turn(session, prompt);
        found.extend(run.map(|run| (format!("main-p{prompt}"), run.shown(when))));
    }
    let has_ended = |one: &Value| one["status"] != "running";
    let may_discover = found.values().any(has_ended);
    for agent in 0..session.agents.len() {
        let mut runs = agent_turns(session, agent);
        if runs.is_empty() && may_discover {
            runs.extend(discovered(session, agent));
        }
        for (i, run) in runs.iter().enumerate() {
            let id = match i {
                0 => format!("a{agent}"),
                _ => format!("a{agent}#{}", i + 1),
            };
            found.insert(id, run.shown(when));
        }
    }
    found
}

fn main_turn(session: &Session, prompt: usize) -> Option<Run<'_>> {
    let reported = || session.reported();
    let starts = reported().filter(|(_, what)| *what == What::Prompt(prompt));
    let started = starts.map(|(at, _)| at).min();
    let stops = || {
        reported().filter_map(move |(at, what)| match what {
            What::Stop(of) if of == prompt => Some((at, None)),
            What::Failure(of, error) if of == prompt => Some((at, Some(error))),
            _ => None,
        })
    };
    if started.is_none() && stops().all(|(_, error)| error.is_some()) {
        return None;
    }
    let closes = |what: What| match what {
        What::Prompt(other) => other != prompt,
        What::SessionEnd(_) => true,
        _ => false,
    };
    let closings = reported().filter(|&(at, what)| closes(what) && Some(at) >= started);
    let lines = session.main.as_ref().map(|lines| {
        let begins = |said: &Said| matches!(said, Said::Prompt(of) if *of == prompt);
        let others = |said: &Said| matches!(said, Said::Prompt(of) if *of != prompt);
        let lines = lines.iter().skip_while(move |(_, said)| !begins(said));
        lines.take_while(move |(_, said)| !others(said)).collect()
    });
    Some(Run {
        kind: "main",
        parent: None,
        started,
        own: stops().max_by_key(|(at, _)| *at).map(end),
        closed: started.and_then(|_| closings.map(|(at, _)| at).min()),
        lines,
    })
}

fn agent_turns(session: &Session, agent: usize) -> Vec<Run<'_>> {
    let reported = || session.reported();
    let mut starts: Vec<(Ms, usize)> = reported()
        .filter_map(|(at, what)| match what {
            What::AgentStart { agent: of, prompt } if of == agent => Some((at, prompt)),
            _ => None,
        })
        .collect();
    starts.sort();
    starts.dedup_by(|later, first| later.0 - first.0 < TWICE);
    let stops_in = |from: Ms, until: Ms| {
        let stops = reported().filter_map(|(at, what)| match what {
            What::AgentStop(of) if of == agent => Some((at, None)),
            What::AgentFailure(of, error) if of == agent => Some((at, Some(error))),
            _ => None,
        });
        let stops = stops.filter(|(at, _)| (from..until).contains(at));
        stops.max_by_key(|(at, _)| *at).map(end)
    };
    let lines = || {
        session.agents[agent]
            .as_ref()
            .map(|all| all.iter().collect())
    };
    let blank = || Run {
        kind: "agent",
        lines: lines(),
        ..Run::default()
    };
    let mut runs = Vec::new();
    for (i, &(from, prompt)) in starts.iter().enumerate() {
        let next = starts.get(i + 1).map(|(at, _)| *at);
        let until = next.unwrap_or(Ms::MAX);
        let closings = reported().filter(|&(at, what)| {
            let lives_on = what == What::SessionEnd("clear");
            matches!(what, What::SessionEnd(_)) && !lives_on && (from..until).contains(&at)
        });
        runs.push(Run {
            parent: Some(prompt),
            started: Some(from),
            own: stops_in(from, until),
            closed: closings.map(|(at, _)| at).chain(next).min(),
            ..blank()
        });
    }
    let first = starts.first().map_or(Ms::MAX, |(at, _)| *at);
    if let Some(before) = stops_in(Ms::MIN, first) {
        match runs.first_mut().filter(|run| run.own.is_none()) {
            Some(next) => next.own = Some(before),
            None => runs.insert(
                0,
                Run {
                    own: Some(before),
                    ..blank()
                },
            ),
        }
    }
    runs
}

/// By its transcript alone.
fn discovered(session: &Session, agent: usize) -> Option<Run<'_>> {
    let all = session.agents[agent].as_ref()?;
    let (started, said) = all.first()?;
    let run = Run {
        kind: "agent",
        parent: match said {
            Said::Prompt(prompt) => Some(*prompt),
            _ => None,
        },
        started: Some(*started),
        lines: Some(all.iter().collect()),
        ..Run::default()
    };
    let own = run.last_word()?;
    Some(Run {
        own: Some(own),
        ..run
    })
}

fn end((at, error): (Ms, Option<&str>)) -> End {
    End {
        at,
        error: error.map(str::to_owned),
    }
}

impl Run<'_> {
    fn last(&self) -> Option<&(Ms, Said)> {
        self.lines.as_ref()?.last().copied()
    }

    /// By which the model ends a turn.
    fn last_word(&self) -> Option<End> {
        match self.last()? {
            (at, Said::Answer { is_last: true, .. }) => Some(end((*at, None))),
            (at, Said::Refused) => Some(end((*at, Some("overloaded")))),
            _ => None,
        }
    }

    fn interrupt(&self) -> Option<End> {
        match self.last()? {
            (at, Said::Interrupt) => Some(end((*at, Some("interrupted")))),
            _ => None,
        }
    }

    fn is_in_time(&self, end: &End) -> bool {
        let is_closed_before = self.kind == "main" && self.closed.is_some_and(|at| at <= end.at);
        self.started.is_some_and(|from| end.at >= from - SLACK) && !is_closed_before
    }

    fn shown(&self, when: When) -> Value {
        let shown = |end: Option<End>| end.filter(|end| self.is_in_time(end));
        let (interrupt, last_word) = (shown(self.interrupt()), shown(self.last_word()));
        let closed = self.closed.map(|at| end((at, Some("interrupted"))));
        let parent = self.parent.map(|prompt| format!("main-p{prompt}"));
        let ended = match (self.own.clone().or(interrupt), closed, when) {
            (Some(end), _, _) => Some(end),
            (None, Some(closed), _) => Some(last_word.unwrap_or(closed)),
            (None, None, When::AfterDeadlines) => last_word,
            (None, None, When::BeforeDeadlines) if self.kind == "agent" && last_word.is_some() => {
                return json!({"kind": self.kind, "parent": parent});
            }
            (None, None, When::BeforeDeadlines) => {
                return json!({"kind": self.kind, "parent": parent, "start": self.started,
                    "status": "running"});
            }
        };
        let tokens = self.lines.as_ref().map(|lines| {
            let sums = lines.iter().map(|(_, said)| match said {
                Said::Answer { input, output, .. } => [*input, *output],
                _ => [0, 0],
            });
            sums.fold([0, 0], |[a, b], [c, d]| [a + c, b + d])
        });
        let Some(ended) = ended else {
            return json!({"kind": self.kind, "parent": parent, "start": self.started,
                "status": "timeout", "tokens": tokens});
        };
        // Its client may call a turn a success that the API refused.
        let refused = self.last_word().and_then(|word| word.error);
        let error = ended.error.or(refused);
        let first = self.lines.as_ref().and_then(|lines| lines.first());
        let started = self.started.or(first.map(|(at, _)| *at));
        json!({
            "kind": self.kind, "parent": parent, "error": error, "tokens": tokens,
            "status": if error.is_some() { "failure" } else { "success" },
            "start": started.map(|at| at.min(ended.at)), "end": ended.at,
            "duration": started.map(|at| ended.at - at).filter(|length| *length >= 0),
        })
    }
}
