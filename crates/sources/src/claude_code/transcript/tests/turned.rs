//! Several turns in one transcript.

use super::*;

fn turns(lines: &[Value]) -> Turns {
    let mut reader = TurnReader::default();
    for line in lines {
        reader.line(line.to_string().as_bytes());
    }
    reader.finish()
}

fn turn(first_s: i64, last_s: i64, outcome: Outcome) -> Turn {
    Turn {
        prompt_id: None,
        first_ms: FIVE_PM_MS + first_s * 1000,
        last_ms: FIVE_PM_MS + last_s * 1000,
        outcome,
    }
}

/// The first turn has a tool, the second fails, the third is still at work.
fn three() -> Vec<Value> {
    let mut meta = prompt(55);
    meta["isMeta"] = true.into();
    vec![
        prompt(10),
        call(11, "m1", &[("t1", "Read")]),
        result(12, "t1", true),
        answer(13, "m2", Some("end_turn")),
        prompt(30),
        failed(31),
        prompt(50),
        answer(51, "m3", Some("tool_use")),
        meta,
        result(56, "t2", false),
    ]
}

#[test]
fn a_turn_begins_at_a_prompt_after_a_last_message() {
    let found = turns(&three());
    assert_eq!(found.session_id.as_deref(), Some("s1"));
    assert_eq!(found.agent_id.as_deref(), Some("a1"));
    let expect = [
        turn(10, 13, Outcome::Success),
        turn(30, 31, Outcome::Failure),
        turn(50, 56, Outcome::Unfinished),
    ];
    assert_eq!(found.turns, expect);
    assert_eq!(turns(&[]), Turns::default());
}

#[test]
fn a_prompt_in_between_begins_no_turn() {
    // Interrupted, and asked to go on: no message ended the first part.
    let found = turns(&[
        prompt(1),
        answer(2, "m1", Some("tool_use")),
        prompt(5),
        answer(6, "m2", Some("end_turn")),
    ]);
    assert_eq!(found.turns, [turn(1, 6, Outcome::Success)]);
    // What the client adds by itself after a stop that a hook blocked.
    let mut meta = prompt(5);
    meta["isMeta"] = true.into();
    let found = turns(&[
        prompt(1),
        answer(2, "m1", Some("end_turn")),
        meta,
        answer(6, "m2", Some("end_turn")),
    ]);
    assert_eq!(found.turns, [turn(1, 6, Outcome::Success)]);
}

/// Clients that never write a stop reason.
#[test]
fn a_text_without_a_stop_reason_ends_a_turn_where_a_prompt_follows() {
    let mut second = call(32, "m3", &[("t1", "Read")]);
    second["message"]["stop_reason"] = Value::Null;
    let lines = [
        prompt(10),
        answer(11, "m1", None),
        prompt(30),
        answer(31, "m2", None),
        second,
        prompt(40),
        result(41, "t1", false),
        answer(42, "m4", None),
    ];
    let found = turns(&lines);
    let expect = [
        turn(10, 11, Outcome::Success),
        turn(30, 42, Outcome::OpenEnded),
    ];
    assert_eq!(found.turns, expect);
    // A call without its result: the text beside it is no end.
    let found = turns(&lines[..6]);
    assert_eq!(found.turns[1], turn(30, 40, Outcome::Unfinished));
}

#[test]
fn a_slice_ends_before_the_next_prompt() {
    let file = text(&three());
    let read = |from, ended_s: Option<i64>| {
        let ended_ms = ended_s.map(|ended_s| FIVE_PM_MS + ended_s * 1000);
        slice(file.as_bytes(), from, ended_ms)
    };
    // The hook saw the stop a second before the last message was written.
    let first = read(0, Some(12));
    assert_eq!((first.requests(), first.tool_errors), (2, 1));
    assert_eq!(first.last_ms, Some(FIVE_PM_MS + 13_000));
    assert_eq!(first.end_offset, text(&three()[..4]).len() as u64);
    let second = read(first.end_offset, Some(31));
    assert_eq!((second.requests(), second.api_errors), (0, 1));
    assert!(second.failure.is_some() && second.first_ms == Some(FIVE_PM_MS + 30_000));
    let third = read(second.end_offset, None);
    assert_eq!((third.requests(), third.end_offset), (1, file.len() as u64));
    assert!(!third.is_final && third.failure.is_none());

    // A stop that came late takes the turns before it.
    assert_eq!(read(0, Some(40)).end_offset, second.end_offset);
    // Interrupted before the model said a word, and resumed after that.
    let lines = [prompt(1), prompt(20), answer(21, "m1", Some("end_turn"))];
    let file = text(&lines);
    let read = slice(file.as_bytes(), 0, Some(FIVE_PM_MS + 5_000));
    assert_eq!((read.requests(), read.is_final), (0, false));
    assert_eq!(slice(file.as_bytes(), read.end_offset, None).requests(), 1);
    // An interrupt is no prompt, also where its session was over before.
    let mut interrupt = prompt(9);
    interrupt["interruptedMessageId"] = "m1".into();
    let lines = [prompt(1), answer(2, "m1", Some("tool_use")), interrupt];
    let file = text(&lines);
    let read = slice(file.as_bytes(), 0, Some(FIVE_PM_MS + 5_000));
    assert_eq!(read.end_offset, file.len() as u64);
}

#[test]
fn a_clock_that_jumps_back_loses_nothing() {
    // The second turn seems to be an hour before the first.
    let file = text(&[
        prompt(3600),
        answer(3601, "m1", Some("end_turn")),
        prompt(60),
        answer(61, "m2", Some("end_turn")),
    ]);
    let first = slice(file.as_bytes(), 0, Some(FIVE_PM_MS + 3_601_000));
    let second = slice(file.as_bytes(), first.end_offset, Some(FIVE_PM_MS + 61_000));
    assert_eq!((first.requests(), second.requests()), (2, 0));
    assert!(first.first_ms < first.last_ms);
    // An hour ahead: the prompt that begins the slice does not end it.
    let file = text(&[prompt(3600), answer(61, "m1", Some("end_turn"))]);
    let read = slice(file.as_bytes(), 0, Some(FIVE_PM_MS + 61_000));
    assert_eq!((read.requests(), read.end_offset), (1, file.len() as u64));
}

fn lines() -> impl Strategy<Value = Vec<Value>> {
    let line = (0..6_usize, 0..100_i64, 0..8_u8, any::<bool>());
    let line = line.prop_map(|(kind, second, id, flag)| {
        let id = format!("m{id}");
        let mut line = match kind {
            0 | 1 => prompt(second),
            2 => result(second, &id, flag),
            3 => call(second, &id, &[(&id, "Bash")]),
            4 => failed(second),
            _ => answer(second, &id, flag.then_some("end_turn")),
        };
        if kind == 1 && flag {
            line["isMeta"] = true.into();
        }
        line
    });
    proptest::collection::vec(line, 0..30)
}

proptest! {
    #[test]
    fn the_slices_of_all_turns_are_the_file(mut lines in lines(), in_order in any::<bool>()) {
        if in_order {
            lines.sort_by_key(|line| line["timestamp"].to_string());
        }
        let file = text(&lines);
        let mut from = 0;
        for turn in turns(&lines).turns {
            let read = slice(file.as_bytes(), from, Some(turn.last_ms));
            prop_assert_eq!(read.first_ms, Some(turn.first_ms));
            prop_assert_eq!(read.last_ms, Some(turn.last_ms));
            prop_assert_eq!(read.failure.is_some(), turn.outcome == Outcome::Failure);
            from = read.end_offset;
        }
        let rest = slice(file.as_bytes(), from, None);
        prop_assert_eq!((rest.first_ms, rest.requests()), (None, 0));
    }
}

#[test]
fn a_run_that_is_reported_once_more_is_cut_at_its_prompts() {
    let lines = [
        prompt(1),
        answer(2, "m1", Some("end_turn")),
        prompt(3),
        answer(4, "m2", Some("end_turn")),
    ];
    let file = text(&lines).into_bytes();
    let reported_later = Span {
        read_until_ms: None,
        started_ms: Some(FIVE_PM_MS + 3_600_000),
        ended_ms: Some(FIVE_PM_MS + 3_660_000),
        is_closed: false,
    };
    let unknown = Span {
        started_ms: None,
        ..reported_later
    };
    for span in [reported_later, unknown] {
        let first = slice_of(&file, 0, span);
        let second = slice_of(&file, first.end_offset, span);
        assert_eq!((first.requests(), second.requests()), (1, 1));
        assert_eq!(second.end_offset, file.len() as u64);
    }
}

#[test]
fn a_turn_that_its_next_one_ended_has_no_line_of_it() {
    let requests = |lines: &[Value], ended_s: i64, is_closed: bool| {
        let span = Span {
            read_until_ms: None,
            started_ms: Some(FIVE_PM_MS + 1_000),
            ended_ms: Some(FIVE_PM_MS + ended_s * 1000),
            is_closed,
        };
        slice_of(&text(lines).into_bytes(), 0, span).requests()
    };
    let ended = [
        prompt(1),
        answer(2, "m1", Some("end_turn")),
        prompt(30),
        answer(31, "m2", Some("end_turn")),
    ];
    assert_eq!(requests(&ended, 30, true), 1);
    assert_eq!(requests(&ended, 35, true), 1);
    assert_eq!(requests(&ended, 36, true), 2, "too long before to be of it");
    assert_eq!(requests(&ended, 35, false), 2, "the agent itself says when");
    let mut asked = ended;
    asked[1] = call(2, "m1", &[("t1", "Read")]);
    assert_eq!(
        requests(&asked, 35, true),
        2,
        "a message to a turn that runs"
    );
}

#[test]
fn a_turn_whose_earlier_ones_nobody_reported_begins_at_its_prompt() {
    let lines = [
        prompt(10),
        answer(11, "m1", Some("end_turn")),
        prompt(30),
        answer(31, "m2", Some("end_turn")),
    ];
    let begins = |started_s: i64| {
        let mut beginning = Beginning::new(Span {
            read_until_ms: None,
            started_ms: Some(FIVE_PM_MS + started_s * 1000),
            ended_ms: Some(FIVE_PM_MS + (started_s + 5) * 1000),
            is_closed: false,
        });
        let mut offset = 0;
        for line in &lines {
            if beginning
                .line(line.to_string().as_bytes(), offset)
                .is_break()
            {
                break;
            }
            offset += line.to_string().len() as u64 + 1;
        }
        beginning.finish()
    };
    let second = text(&lines[..2]).len() as u64;
    assert_eq!(begins(10), 0);
    assert_eq!(begins(30), second);
    assert_eq!(begins(3_600), 0, "nothing is of its time");
}
