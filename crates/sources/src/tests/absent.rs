//! Fields that are there and say nothing, and an id that is not there.

use super::*;

#[test]
fn what_is_null_empty_or_zero_is_absent_where_it_says_nothing() {
    let stop = |fields: Value| match stop(fields) {
        Fact::Stop(stop) => stop,
        other => panic!("{other:?}"),
    };
    let total = |usage: Value| {
        let usage = stop(json!({"token_usage": usage})).token_usage;
        usage.map(|usage| usage.total_tokens)
    };
    let parts = json!({"input_tokens": 1500, "output_tokens": 2300, "total_tokens": 0});
    assert_eq!(total(parts), Some(3_800));
    let cached = json!({"cache_read_tokens": 7, "total_tokens": 0});
    assert_eq!(total(cached), Some(0));
    assert_eq!(total(json!({"total_tokens": 7})), Some(7));
    let zeros = json!({"input_tokens": 0, "output_tokens": 0, "total_tokens": 0,
        "estimated_cost": 0.0});
    assert_eq!(total(zeros), None);

    let empty = stop(
        json!({"agent_name": "", "agent_type": "", "session_id": "", "status": "",
        "tools_used": ["", null, "Read"], "tool_calls": {"Read": null, "Bash": 0, "Edit": 2}}),
    );
    assert_eq!((&empty.agent_name, &empty.agent_type), (&None, &None));
    assert_eq!(empty.origin.session_id, None);
    assert_eq!(empty.status, Status::Success);
    assert_eq!(empty.tools_used, ["Read"]);
    let calls: Vec<_> = empty.tool_calls.into_iter().collect();
    assert_eq!(calls, [("Bash".to_owned(), 0), ("Edit".to_owned(), 2)]);

    let start = fact(json!({"event": "start", "agent_id": "x", "agent_name": "a",
        "agent_type": "", "task_description": "", "tools_granted": ["Read", ""]}));
    let Fact::Start(start) = start else {
        panic!("{start:?}")
    };
    assert_eq!((start.agent_type, start.task_description), (None, None));
    assert_eq!(start.tools_granted, ["Read"]);
}

#[test]
fn a_stop_without_an_id_is_a_run_of_its_own() {
    let id = |id: Value, key: u128| {
        let line = json!({"event": "stop", "agent_id": id, "agent_name": "a"});
        match decode(line.to_string().as_bytes(), &clock(), LineKey(key)) {
            Ok(Event::Fact { id, .. }) => id,
            other => panic!("{other:?}"),
        }
    };
    let own = id(json!(null), 7);
    assert_eq!(own, "run-00000000000000000000000000000007");
    assert_eq!(id(json!(""), 7), own);
    assert_ne!(id(json!(""), 8), own);
    assert_eq!(id(json!("x"), 7), "x");
    let nobody = read(json!({"event": "stop", "agent_id": null, "agent_name": ""}));
    let reason = "stop: agent_id is required, or agent_name of a whole run";
    assert_eq!(nobody, Err(reason.to_owned()));
}
