use xxhash_rust::xxh3::xxh3_64;

use super::marks::{MAX_MARKS, MAX_TOOLS};
use super::*;

mod main_turn;
mod shown;

/// `s` a start, `e` a stop, `f` a stop with an error, `a` a stop that was sent on, `n` a stop
/// without a name, `c` stopped from outside, `t` a tool call that ended; each at its stamp in
/// milliseconds. `i` a transcript shows a turn, from one stamp to another.
fn hook(step: &str) -> (AgentSignal, HookEvent) {
    let (kind, time) = step.split_at(1);
    let (at, until) = time.split_once('-').unwrap_or((time, time));
    let name = || Some("probe".to_owned());
    let stopped = |name, failure: Option<&str>, again| AgentSignal::Stopped {
        name,
        failure: failure.map(str::to_owned),
        again,
    };
    let what = match kind {
        "s" => AgentSignal::Started {
            name: name(),
            prompt: None,
        },
        "e" => stopped(name(), None, false),
        "f" => stopped(name(), Some("rate_limit"), false),
        "a" => stopped(name(), None, true),
        "n" => stopped(None, None, false),
        "c" => AgentSignal::Closed,
        "i" => AgentSignal::Imported {
            name: name(),
            turns: vec![Imported {
                started_ms: at.parse().unwrap(),
                ended_ms: until.parse().unwrap(),
                outcome: Outcome::Success,
                prompt: None,
            }],
        },
        "t" => AgentSignal::ToolEnded {
            use_id: Some(step.to_owned()),
            name: "Read".to_owned(),
            failed: false,
        },
        _ => panic!("{step}"),
    };
    let hook = HookEvent {
        source: "claude-code",
        line: xxh3_64(step.as_bytes()),
        at_ms: at.parse().unwrap(),
        session_id: Some("s".to_owned()),
        signals: Vec::new(),
    };
    (what, hook)
}

fn turns_of<'a>(steps: impl IntoIterator<Item = &'a str>) -> Turns {
    let mut turns = Turns::default();
    for step in steps {
        let (what, hook) = hook(step);
        assert_eq!(turns.apply(&what, &hook), Ok(Applied::Changed), "{step}");
    }
    turns
}

/// `start-end`, with the error in brackets and the calls of tools behind an x.
fn shown_turn(turn: &Turn) -> String {
    let start = turn.started_ms.map_or("?".to_owned(), |ms| ms.to_string());
    let end = turn.end.as_ref().map_or(String::new(), |end| {
        let failure = end.failure.as_ref().map(|failure| format!("({failure})"));
        format!("{}{}", end.at_ms, failure.unwrap_or_default())
    });
    let calls: u64 = turn.tool_calls.values().sum();
    let calls = if calls > 0 {
        format!("x{calls}")
    } else {
        String::new()
    };
    format!("{start}-{end}{calls}")
}

fn shown(turns: &Turns, ends: &[i64]) -> String {
    let ended = |&at_ms: &i64| SessionMark {
        at_ms,
        what: SessionEvent::Ended,
    };
    let turns = turns.derive(|_| ends.iter().map(ended).collect());
    turns.iter().map(shown_turn).collect::<Vec<_>>().join(" ")
}

/// The turns are these, in whatever order the lines come.
fn check(steps: &str, ends: &[i64], expect: &str) {
    let steps: Vec<&str> = steps.split_whitespace().collect();
    let mut order: Vec<usize> = (0..steps.len()).collect();
    loop {
        let turns = turns_of(order.iter().map(|&i| steps[i]));
        assert_eq!(shown(&turns, ends), expect, "{steps:?} as {order:?}");
        if !next_permutation(&mut order) {
            return;
        }
    }
}

fn next_permutation(order: &mut [usize]) -> bool {
    let Some(i) = (1..order.len()).rev().find(|&i| order[i - 1] < order[i]) else {
        return false;
    };
    let j = (i..order.len()).rev().find(|&j| order[j] > order[i - 1]);
    order.swap(i - 1, j.unwrap());
    order[i..].reverse();
    true
}

#[test]
fn each_start_opens_a_turn_and_its_stop_ends_it() {
    check("s10000", &[], "10000-");
    check("s10000 e20000", &[], "10000-20000");
    check(
        "s10000 e20000 s30000 f40000",
        &[],
        "10000-20000 30000-40000(rate_limit)",
    );
    check(
        "s10000 e20000 s30000 t31000 t12000 t13000",
        &[],
        "10000-20000x2 30000-x1",
    );
    check("e20000", &[], "?-20000");
    check("e20000 s30000 e40000", &[], "?-20000 30000-40000");
}

#[test]
fn a_stop_that_was_sent_on_moves_the_end() {
    check("s10000 e20000 a25000", &[], "10000-25000");
    check(
        "s10000 e20000 a25000 a27000 s30000 e31000",
        &[],
        "10000-27000 30000-31000",
    );
}

#[test]
fn agents_stopped_from_outside_or_left_by_their_session_have_failed() {
    check("s10000 c15000", &[], "10000-15000(stopped)");
    check("s10000 c15000", &[12_000], "10000-12000(interrupted)");
    check(
        "s10000 c15000 s20000 e25000",
        &[],
        "10000-15000(stopped) 20000-25000",
    );
    check("s10000 e20000", &[15_000, 30_000], "10000-20000");
    check(
        "s10000 e20000 s30000",
        &[5_000, 40_000],
        "10000-20000 30000-40000(interrupted)",
    );
    check("s10000", &[5_000], "10000-");
}

#[test]
fn a_turn_without_a_stop_is_over_when_the_next_one_begins() {
    check("s10000 s30000", &[], "10000-30000(interrupted) 30000-");
    check(
        "s10000 s30000",
        &[20_000, 40_000],
        "10000-20000(interrupted) 30000-40000(interrupted)",
    );
    check("s10000 s30000 e20000", &[], "10000-20000 30000-");
    check("s10000 s30000 c15000", &[], "10000-15000(stopped) 30000-");
    // The end that a transcript shows is of the first turn, however soon the next one began.
    let mut turns = turns_of(["s10000", "s30000"]);
    turns.ended_by_transcript(Some("s"), 28_000, None);
    assert_eq!(shown(&turns, &[]), "10000-28000 30000-");
}

#[test]
fn a_stop_without_a_name_counts_only_after_a_start() {
    check("n20000", &[], "");
    check("s10000 n20000", &[], "10000-20000");
    check("s10000 e20000 n21000", &[], "10000-20000");
}

#[test]
fn a_clock_that_was_set_back_ends_the_turn_all_the_same() {
    check("s10000 e5000", &[], "10000-5000");
    check(
        "s10000 e20000 s30000 e25000",
        &[],
        "10000-20000 30000-25000",
    );
    check("s10000 e5000 a6000", &[], "10000-6000");
    // Sent on by a stop hook, and refused by the provider then; the next turn has no stop yet.
    check(
        "s10000 e20000 f25000 s30000",
        &[],
        "10000-25000(rate_limit) 30000-",
    );
}

#[test]
fn two_reports_within_a_second_are_one_turn() {
    check("s10000 s10020 e20000 e20030", &[], "10000-20030");
    check(
        "s10000 s10020 e20000 e20030 s40000",
        &[],
        "10000-20030 40000-",
    );
    check("s10000 e10400 s10900", &[], "10000-10400 10900-");
}

#[test]
fn a_line_that_comes_again_changes_nothing() {
    for step in ["s10000", "e20000", "c15000", "t12000"] {
        let mut turns = turns_of(["s10000", "e20000", "c15000", "t12000"]);
        let before = turns.clone();
        let (what, mut hook) = hook(step);
        assert_eq!(turns.apply(&what, &hook), Ok(Applied::Duplicate));
        // Of a clock that is ahead the moment of receipt is taken, which is another each time.
        hook.at_ms += 60_000;
        assert_eq!(turns.apply(&what, &hook), Ok(Applied::Duplicate));
        assert_eq!(turns, before);
    }
}

#[test]
fn more_than_there_is_room_for_is_refused_and_what_is_known_is_not() {
    let steps: Vec<String> = (0..MAX_MARKS).map(|i| format!("s{}", 2_000 * i)).collect();
    let mut turns = turns_of(steps.iter().map(String::as_str));
    let (what, start) = hook("s1");
    let refusal = turns.apply(&what, &start).unwrap_err();
    assert_eq!(refusal.0, "hook: an agent has at most 1024 starts");
    let (what, start) = hook(&steps[7]);
    assert_eq!(turns.apply(&what, &start), Ok(Applied::Duplicate));

    let tool = |i: usize| hook(&format!("t{i}"));
    let mut turns = turns_of(["s1"]);
    for i in 0..MAX_TOOLS {
        let (what, ended) = tool(i);
        assert_eq!(turns.apply(&what, &ended), Ok(Applied::Changed));
    }
    let (what, ended) = tool(MAX_TOOLS);
    assert_eq!(turns.apply(&what, &ended), Ok(Applied::Heartbeat));
    let (what, ended) = tool(5);
    assert_eq!(turns.apply(&what, &ended), Ok(Applied::Duplicate));
}

#[test]
fn the_name_of_an_agent_does_not_depend_on_order() {
    let say = |turns: &mut Turns, step: &str, name: &str| {
        let (mut what, hook) = hook(step);
        match &mut what {
            AgentSignal::Started { name: own, .. } => *own = Some(name.to_owned()),
            AgentSignal::Stopped { name: own, .. } => *own = Some(name.to_owned()),
            _ => panic!("{step}"),
        }
        turns.apply(&what, &hook).unwrap();
    };
    let signals = [("s30000", "third"), ("s10000", "first"), ("e5000", "none")];
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let mut turns = Turns::default();
        for i in order {
            say(&mut turns, signals[i].0, signals[i].1);
        }
        assert_eq!(turns.who(Some("s")).name(), Some("first"));
    }
}

#[test]
fn a_tool_call_is_counted_once_by_its_id() {
    let mut turns = turns_of(["s10000", "t12000"]);
    let (what, mut later) = hook("t12000");
    later.at_ms += 5;
    assert_eq!(turns.apply(&what, &later), Ok(Applied::Duplicate));
    assert!(turns.has_ended("t12000"));
    assert!(!turns.has_ended("t13000"));
    assert_eq!(shown(&turns, &[]), "10000-x1");
}

#[test]
fn imported_turns_give_way_to_hooks() {
    let import = |turns: &mut Turns, started_ms, ended_ms| {
        let what = AgentSignal::Imported {
            name: Some("probe".to_owned()),
            turns: vec![Imported {
                started_ms,
                ended_ms,
                outcome: Outcome::Interrupted,
                prompt: None,
            }],
        };
        turns.apply(&what, &hook("s1").1).unwrap()
    };
    let mut turns = turns_of(["s100000", "e200000"]);
    assert_eq!(import(&mut turns, 99_960, 199_970), Applied::Changed);
    assert_eq!(import(&mut turns, 99_960, 199_970), Applied::Duplicate);
    assert_eq!(shown(&turns, &[]), "100000-200000");
    import(&mut turns, 20_000, 30_000);
    assert_eq!(shown(&turns, &[]), "20000-30000(interrupted) 100000-200000");
    let mut alone = Turns::default();
    import(&mut alone, 99_960, 199_970);
    assert_eq!(shown(&alone, &[]), "99960-199970(interrupted)");
    let (what, start) = hook("s100000");
    alone.apply(&what, &start).unwrap();
    assert_eq!(shown(&alone, &[]), "100000-");
    // What began later is another turn, and one that went on is the same.
    import(&mut alone, 300_000, 310_000);
    import(&mut alone, 300_000, 340_000);
    assert_eq!(shown(&alone, &[]), "100000- 300000-340000(interrupted)");
}

#[test]
fn an_agent_that_outlives_its_session_is_one_run() {
    let elsewhere = |step: &str| {
        let (what, mut other) = hook(step);
        other.session_id = Some("t".to_owned());
        (what, other)
    };
    let mut reported = vec![hook("s10000"), elsewhere("t15000"), elsewhere("e20000")];
    for _ in 0..3 {
        reported.rotate_left(1);
        let mut turns = Turns::default();
        for (what, hook) in &reported {
            turns.apply(what, hook).unwrap();
        }
        assert_eq!(shown(&turns, &[]), "10000-20000x1");
        let derived = turns.derive(|_| Vec::new());
        assert_eq!(derived[0].session_id.as_deref(), Some("s"));
        assert_eq!(derived[0].later_sessions, ["t"]);
        // Once it has stopped, what another session reports of its id is another run.
        let (what, other) = elsewhere("s30000");
        turns.apply(&what, &other).unwrap();
        let (what, stop) = hook("e12000");
        turns.apply(&what, &stop).unwrap();
        assert_eq!(shown(&turns, &[]), "10000-12000 30000-20000x1");
    }
}

#[test]
fn sessions_have_their_own_stops_and_share_the_numbers() {
    let mut turns = turns_of(["s10000", "e20000"]);
    for step in ["s12000", "e14000"] {
        let (what, mut other) = hook(step);
        other.session_id = Some("t".to_owned());
        turns.apply(&what, &other).unwrap();
    }
    assert_eq!(shown(&turns, &[]), "10000-20000 12000-14000");
    let sessions: Vec<_> = turns.derive(|_| Vec::new());
    let sessions: Vec<_> = sessions.iter().map(|t| t.session_id.as_deref()).collect();
    assert_eq!(sessions, [Some("s"), Some("t")]);
}

#[test]
fn something_belongs_to_the_turn_in_which_it_was_said() {
    let turns = turns_of(["s10000", "e20000", "s30000"]).derive(|_| Vec::new());
    for (at_ms, number) in [
        (5_000, 1),
        (10_000, 1),
        (25_000, 1),
        (30_000, 2),
        (90_000, 2),
    ] {
        assert_eq!(
            Turns::number_at(&turns, Some("s"), at_ms),
            number,
            "{at_ms}"
        );
    }
    assert_eq!(Turns::number_at(&[], None, 5), 0);
}

#[test]
fn an_id_tells_its_turn() {
    for (agent, turn, id) in [("a", 1, "a"), ("a", 2, "a#2"), ("a#b", 12, "a#b#12")] {
        assert_eq!(execution_id(agent, turn), id);
        assert_eq!(turn_of(id), (agent, turn));
    }
    assert_eq!(turn_of("a#1"), ("a#1", 1));
    assert_eq!(turn_of("a#x"), ("a#x", 1));
}

#[test]
fn the_state_is_kept_as_it_is() {
    let turns = turns_of(["s10000", "t11000", "e20000", "a21000", "c22000", "n23000"]);
    let text = serde_json::to_string(&turns).unwrap();
    assert_eq!(serde_json::from_str::<Turns>(&text).unwrap(), turns);
}
