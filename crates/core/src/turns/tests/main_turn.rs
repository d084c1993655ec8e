//! Turns of the main thread, in every order of what is reported of them.

use super::*;

const PROMPT: &str = "p";

/// `p` and `q` prompts of this turn and of another, `l` the client leaves the session, `x` it ends,
/// `r` the transcript shows an end; the others as [`hook`] has them.
fn report(turns: &mut Turns, marks: &mut Vec<SessionMark>, step: &str) {
    let (kind, at) = step.split_at(1);
    let at_ms: i64 = at.parse().unwrap();
    let event = match kind {
        "q" => SessionEvent::Prompted("q".to_owned()),
        "l" => SessionEvent::Left,
        "x" => SessionEvent::Ended,
        "p" => {
            let (what, start) = hook(&format!("s{at}"));
            turns.apply(&what, &start).unwrap();
            SessionEvent::Prompted(PROMPT.to_owned())
        }
        "r" => {
            turns.ended_by_transcript(Some("s"), at_ms, None);
            return;
        }
        _ => {
            let (what, said) = hook(step);
            turns.apply(&what, &said).unwrap();
            return;
        }
    };
    marks.push(SessionMark { at_ms, what: event });
    marks.sort();
}

fn check(steps: &str, expect: &str) {
    let steps: Vec<&str> = steps.split_whitespace().collect();
    let mut order: Vec<usize> = (0..steps.len()).collect();
    loop {
        let mut turns = Turns::new(&main_id(PROMPT));
        let mut marks = Vec::new();
        for &i in &order {
            report(&mut turns, &mut marks, steps[i]);
        }
        let derived = turns.derive(|_| marks.clone());
        let shown: Vec<String> = derived.iter().map(shown_turn).collect();
        assert_eq!(shown.join(" "), expect, "{steps:?} as {order:?}");
        if !next_permutation(&mut order) {
            return;
        }
    }
}

#[test]
fn a_turn_ends_at_its_last_stop() {
    check("p10000", "10000-");
    check("p10000 t12000 e20000", "10000-20000x1");
    check("p10000 e20000 e21000", "10000-21000");
    check("p10000 e20000 a25000 q30000", "10000-25000");
    check("p10000 f20000 x20500", "10000-20000(rate_limit)");
    check("t12000 e20000", "?-20000x1");
    check("t12000", "");
    check("f20000", "");
    check("f20000 e21000", "?-21000");
}

#[test]
fn without_a_stop_it_ends_at_what_came_first() {
    check("p10000 q30000 x40000", "10000-30000(interrupted)");
    check("p10000 l30000 q40000", "10000-30000(interrupted)");
    check("q5000 p10000 x30000", "10000-30000(interrupted)");
    check("p10000 r20000 q30000", "10000-20000");
    // What a transcript shows of a time after the next prompt is not of this turn.
    check("p10000 q30000 r35000", "10000-30000(interrupted)");
}

#[test]
fn an_agent_in_the_background_outlives_prompts_and_a_session_that_was_left() {
    let mut turns = turns_of(["s10000"]);
    let mut marks = Vec::new();
    for step in ["q20000", "l30000"] {
        report(&mut turns, &mut marks, step);
    }
    assert_eq!(shown_turn(&turns.derive(|_| marks.clone())[0]), "10000-");
    report(&mut turns, &mut marks, "x40000");
    let derived = turns.derive(|_| marks.clone());
    assert_eq!(shown_turn(&derived[0]), "10000-40000(interrupted)");
}
