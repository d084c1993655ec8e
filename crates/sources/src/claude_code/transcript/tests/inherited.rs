//! Lines of others in the file of an agent: of the parent of a fork, of earlier turns once more.

use super::*;

fn span(read_until_s: Option<i64>, started_s: i64, ended_s: i64) -> Span {
    Span {
        read_until_ms: read_until_s.map(|second| FIVE_PM_MS + second * 1000),
        started_ms: Some(FIVE_PM_MS + started_s * 1000),
        ended_ms: Some(FIVE_PM_MS + ended_s * 1000),
        is_closed: false,
    }
}

fn input(read: &Usage) -> u64 {
    read.models.values().map(|model| model.input_tokens).sum()
}

/// The file of a captured fork: the launch is its parent's, 102 input tokens are its own.
#[test]
fn a_fork_counts_from_its_own_prompt_on() {
    let parents = call(1, "m0", &[("t0", "Agent")]);
    let marker = json!({"type": "fork-context-ref", "agentId": "a1", "contextLength": 16});
    let lines = [
        marker,
        parents.clone(),
        result(2, "t0", false),
        answer(3, "m1", Some("end_turn")),
    ];
    let read = usage(&lines);
    assert_eq!((read.requests(), input(&read)), (1, 10));
    assert!(read.tool_calls.is_empty());
    let all = usage(&lines[1..]);
    assert_eq!(
        all.requests(),
        2,
        "without the mark of a fork the first line counts"
    );

    let mut copies = [prompt(1), parents, result(2, "t0", false)];
    for copy in &mut copies {
        copy["forkedFrom"] = json!({"sessionId": "s0", "messageUuid": "u"});
    }
    let own = [prompt(20), answer(21, "m1", Some("end_turn"))];
    let lines = [&copies[..], &own[..]].concat();
    let read = usage(&lines);
    assert_eq!(
        (read.requests(), read.first_ms),
        (1, Some(FIVE_PM_MS + 20_000))
    );
    let mut reader = TurnReader::default();
    for line in &lines {
        reader.line(line.to_string().as_bytes());
    }
    let turns = reader.finish().turns;
    assert_eq!(turns.len(), 1);
    assert_eq!(turns[0].first_ms, FIVE_PM_MS + 20_000);
}

/// A client that resumes an agent writes all of its earlier lines once more, as they were.
#[test]
fn earlier_lines_that_are_written_once_more_count_once_and_end_nothing() {
    let first = [prompt(10), answer(11, "m1", Some("end_turn"))];
    let mut second = [prompt(310), answer(311, "m2", Some("end_turn"))];
    second[1]["message"]["usage"]["input_tokens"] = 200.into();
    let mut third = [prompt(610), answer(611, "m3", Some("end_turn"))];
    third[1]["message"]["usage"]["input_tokens"] = 400.into();
    let parts: [&[Value]; 6] = [&first, &first, &second, &first, &second, &third];
    let file = text(&parts.concat());
    let mut from = 0;
    let mut inputs = Vec::new();
    let turns = [
        span(None, 10, 11),
        span(Some(11), 310, 311),
        span(Some(311), 610, 611),
    ];
    for turn in turns {
        let read = slice_of(file.as_bytes(), from, turn);
        from = read.end_offset;
        inputs.push(input(&read));
    }
    assert_eq!(inputs, [10, 200, 400]);
    assert_eq!(from, file.len() as u64);
    // The second is read when the lines were already there a third time.
    let read = slice_of(
        file.as_bytes(),
        text(&first).len() as u64,
        span(Some(11), 310, 311),
    );
    assert_eq!((input(&read), read.requests()), (200, 1));
    assert_eq!(read.first_ms, Some(FIVE_PM_MS + 310_000));
}

#[test]
fn where_no_line_is_of_the_turn_all_count() {
    let file = text(&[
        prompt(10),
        answer(11, "m1", Some("end_turn")),
        prompt(20),
        answer(21, "m2", Some("end_turn")),
    ]);
    let late = span(None, 3_600, 3_700);
    let first = slice_of(file.as_bytes(), 0, late);
    assert_eq!(first.requests(), 1);
    let second = slice_of(file.as_bytes(), first.end_offset, late);
    assert_eq!(
        (second.requests(), second.end_offset),
        (1, file.len() as u64)
    );
}
