use super::apply::{apply, start, stop};
use super::journey::Journey;
use super::{IDLE_MS, Server, active, ask, dump, durations, failed, now_ms, set_cursor, writes};
use crate::shown;
use agentpulse_core::bucket::{DAY_MS, Day, HOUR_MS, Hour, rfc3339};
use agentpulse_core::execution::{Fact, Status};
use agentpulse_core::names::OTHER;
use agentpulse_core::view::{Active, Heartbeat, HourTally, ToolDay, ToolPair, TypeTool};

#[tokio::test]
async fn buckets_are_read_as_they_were_added() {
    let server = Server::start(&[]).await;
    let live = server.live().await;
    set_cursor(&live, "e:0").await;
    let mut journey = Journey::new(1);
    let day = Day::utc_of(now_ms()).back(1);
    let ended_ms = day.utc_start_ms() + 5 * HOUR_MS + 1;
    let mut changes = Vec::new();
    // Two runs of one agent at five o'clock, and one of an agent and a type without a place.
    for (id, agent, agent_type, ms) in [
        ("a", "agent-0", "type-0", 100),
        ("b", "agent-0", "type-0", 300),
        ("c", "agent-5", "type-2", 700),
    ] {
        let mut stop = stop(agent, 10);
        stop.agent_type = Some(agent_type.to_owned());
        stop.ended_ms = ended_ms;
        stop.duration_ms = Some(ms);
        stop.tool_calls = [("Tool0".to_owned(), 2), ("Tool1".to_owned(), 1)].into();
        stop.tools_used = vec!["Tool2".to_owned(), "Tool5".to_owned()];
        changes.extend(journey.happen(id, Fact::Stop(Box::new(stop))));
    }
    apply(&live, 0, 3, &writes(&changes)).await;

    let hour = Hour::of(ended_ms);
    let hours = live
        .hours(Hour(hour.0 - 30), Hour(hour.0 + 30))
        .await
        .unwrap();
    let short = |row: &HourTally| {
        (
            row.hour,
            row.agent_type.clone(),
            row.tally.total_duration_ms,
        )
    };
    assert_eq!(
        hours.iter().map(short).collect::<Vec<_>>(),
        [
            (hour, OTHER.to_owned(), 700),
            (hour, "type-0".to_owned(), 400)
        ]
    );
    let days = live.days(day.back(3), day).await.unwrap();
    assert_eq!(days.len(), 1);
    assert_eq!(
        (days[0].tally.execution_count, days[0].tally.total_tokens),
        (3, 30)
    );

    let agent = live.agent_days("agent-0", day.back(2), day).await.unwrap();
    assert!(agent.extremes_from_history.is_empty());
    let [agent] = agent.days.as_slice() else {
        panic!("{agent:?}")
    };
    assert_eq!(
        (agent.min_duration_ms, agent.max_duration_ms),
        (Some(100), Some(300))
    );
    assert_eq!(agent.sketch, [(100, 1), (300, 1)].into_iter().collect());
    assert!(
        live.agent_days("agent-5", day, day)
            .await
            .unwrap()
            .days
            .is_empty()
    );
    let slow = durations(&live, "agent-0").await;
    assert_eq!(slow, [("b".to_owned(), 300), ("a".to_owned(), 100)]);
    assert!(durations(&live, "agent-5").await.is_empty());

    let tool = |tool: &str, calls, executions| ToolDay {
        day,
        tool: tool.to_owned(),
        calls,
        executions,
    };
    assert_eq!(
        live.tools(day, day).await.unwrap(),
        [
            tool("Tool0", 6, 3),
            tool("Tool1", 3, 3),
            tool("Tool2", 0, 3),
            tool(OTHER, 0, 3)
        ]
    );
    let of_type = |agent_type: &str, tool: &str, calls| TypeTool {
        day,
        agent_type: agent_type.to_owned(),
        tool: tool.to_owned(),
        calls,
    };
    assert_eq!(
        live.type_tools(day, day).await.unwrap(),
        [
            of_type(OTHER, "Tool0", 2),
            of_type(OTHER, "Tool1", 1),
            of_type("type-0", "Tool0", 4),
            of_type("type-0", "Tool1", 2),
        ]
    );
    // Of the four tools three have a place: three pairs.
    let mut pairs = live.pairs(day, day).await.unwrap();
    pairs.sort_by_key(|pair| (pair.first.clone(), pair.second.clone()));
    let pair = |first: &str, second: &str| ToolPair {
        day,
        first: first.to_owned(),
        second: second.to_owned(),
        executions: 3,
    };
    assert_eq!(
        pairs,
        [
            pair("Tool0", "Tool1"),
            pair("Tool0", "Tool2"),
            pair("Tool1", "Tool2")
        ]
    );
}

#[tokio::test]
async fn a_duration_that_was_taken_away_leaves_the_extremes_to_history() {
    let server = Server::start(&[]).await;
    let live = server.live().await;
    set_cursor(&live, "e:0").await;
    let mut journey = Journey::new(2);
    let day = Day::utc_of(now_ms());
    let mut first = stop("agent-0", 1);
    first.agent_name = None;
    first.duration_ms = Some(5);
    let changes = [
        journey.happen("a", Fact::Stop(Box::new(first))).unwrap(),
        journey
            .happen("a", Fact::Start(Box::new(start("agent-0"))))
            .unwrap(),
    ];
    for (i, change) in changes.into_iter().enumerate() {
        apply(&live, i as u64, i as u64 + 1, &writes(&[change])).await;
    }
    let agent = live.agent_days("agent-0", day, day).await.unwrap();
    assert_eq!(agent.days.len(), 1);
    assert_eq!(agent.days[0].min_duration_ms, Some(5));
    // Its second place is its own; the first, `_other`, was emptied.
    let ended = |duration_ms| {
        let mut stop = stop("agent-1", 1);
        stop.agent_name = None;
        stop.duration_ms = Some(duration_ms);
        Fact::Stop(Box::new(stop))
    };
    let changes = [
        journey.happen("b", ended(9)).unwrap(),
        journey.happen("c", ended(11)).unwrap(),
        journey
            .happen("b", Fact::Start(Box::new(start("agent-1"))))
            .unwrap(),
    ];
    for (i, change) in (2..).zip(changes) {
        apply(&live, i, i + 1, &writes(&[change])).await;
    }
    let agent = live.agent_days("_other", day, day).await.unwrap();
    assert_eq!(agent.extremes_from_history, [day]);
    assert_eq!(agent.days[0].min_duration_ms, None);
    assert_eq!(agent.days[0].tally.execution_count, 1);
    // What a start leaves as it was is not taken away.
    let mut stop = stop("agent-2", 1);
    stop.duration_ms = Some(9);
    let changes = [
        journey.happen("d", Fact::Stop(Box::new(stop))).unwrap(),
        journey
            .happen("d", Fact::Start(Box::new(start("agent-2"))))
            .unwrap(),
    ];
    for (i, change) in (5..).zip(changes) {
        apply(&live, i, i + 1, &writes(&[change])).await;
    }
    let agent = live.agent_days("agent-2", day, day).await.unwrap();
    assert!(agent.extremes_from_history.is_empty());
    assert_eq!(agent.days[0].min_duration_ms, Some(9));
}

#[tokio::test]
async fn active_runs_are_counted_and_listed_from_start_to_end() {
    let server = Server::start(&[]).await;
    let live = server.live().await;
    set_cursor(&live, "e:0").await;
    let mut journey = Journey::new(3);
    let today = Day::utc_of(now_ms());
    let mut changes = Vec::new();
    for (id, age_ms) in [("b", 1_000), ("a", 2_000), ("c", 3_000)] {
        let mut start = start("agent-0");
        start.started_ms -= age_ms;
        changes.extend(journey.happen(id, Fact::Start(Box::new(start))));
    }
    apply(&live, 0, 3, &writes(&changes)).await;
    let current = live.current(today).await.unwrap();
    assert_eq!((current.running, current.today.execution_count), (3, 0));
    let shown = active(&live).await;
    let ids: Vec<&str> = shown
        .iter()
        .filter_map(|one| one["agent_id"].as_str())
        .collect();
    assert_eq!(ids, ["c", "a", "b"]);
    let first = &shown[0];
    let accepted_ms = changes[2].accepted_ms;
    assert_eq!(first["last_seen"], rfc3339(accepted_ms));
    assert_eq!(first["deadline"], rfc3339(accepted_ms + IDLE_MS));

    // One whose key has gone is still counted.
    ask(&live, &["DEL", "test:agent:active:a"]).await;
    let mut stop = stop("agent-0", 1);
    stop.ended_ms = today.utc_start_ms();
    let change = journey.happen("c", Fact::Stop(Box::new(stop))).unwrap();
    apply(&live, 3, 4, &writes(&[change])).await;
    let current = live.current(today).await.unwrap();
    assert_eq!((current.running, current.today.execution_count), (2, 1));
    let shown = active(&live).await;
    assert_eq!(shown.len(), 1);
    assert_eq!(shown[0]["agent_id"], "b");
    // Nothing of it is left, neither the key nor its deadline.
    let dump = dump(&live).await;
    assert!(!dump.contains_key("test:agent:active:c"));
    assert_eq!(dump["test:agents:deadlines"].1.len(), 4);
}

#[tokio::test]
async fn progress_shows_and_never_brings_an_ended_execution_back() {
    let server = Server::start(&[]).await;
    let live = server.live().await;
    set_cursor(&live, "e:0").await;
    let mut journey = Journey::new(4);
    let mut changes = Vec::new();
    for id in ["runs", "ends"] {
        changes.extend(journey.happen(id, Fact::Start(Box::new(start("agent-0")))));
    }
    changes.extend(journey.happen("ends", Fact::Stop(Box::new(stop("agent-0", 1)))));
    apply(&live, 0, 3, &writes(&changes)).await;
    let before = dump(&live).await;
    let deadline_ms = now_ms() + DAY_MS;
    let heartbeat = |id: &str| {
        let heartbeat = Heartbeat {
            progress: Some(0.5),
            current_tool: Some("Tool1".into()),
            last_sign_ms: deadline_ms - 5,
            deadline_ms,
            token_usage: None,
        };
        let mut execution = (*journey.executions["runs"]).clone();
        execution.id = id.to_owned();
        Active::of(&execution).with(&heartbeat)
    };
    let noted = live.progress(["ends", "never"].into_iter().map(heartbeat));
    assert_eq!(noted.await.unwrap(), 0);
    assert_eq!(dump(&live).await, before);
    let noted = live.progress(["runs", "ends"].into_iter().map(heartbeat));
    assert_eq!(noted.await.unwrap(), 1);
    let expect = shown::running(&heartbeat("runs"));
    let expect: serde_json::Value = serde_json::from_str(&expect).unwrap();
    assert_eq!(active(&live).await, [expect]);
    let dump = dump(&live).await;
    let deadline_s: f64 = dump["test:agents:deadlines"].1[1].parse().unwrap();
    assert_eq!(deadline_s, deadline_ms as f64 / 1e3);
    let expires_s = dump["test:agent:active:runs"].2;
    assert_eq!(expires_s, (deadline_ms + 60_000 + 999) / 1000);
    assert_eq!(dump.len(), before.len());
}

#[tokio::test]
async fn failures_are_the_newest_first_and_once_each() {
    let server = Server::start(&[]).await;
    let live = server.live().await;
    set_cursor(&live, "e:0").await;
    let mut journey = Journey::new(5);
    let mut changes = Vec::new();
    for (id, agent) in [("a", "agent-4"), ("b", "agent-5"), ("c", "agent-4")] {
        changes.extend(journey.happen(id, Fact::Start(Box::new(start(agent)))));
        let ended_ms = now_ms();
        changes.extend(journey.happen(id, Fact::TimedOut { ended_ms }));
        let mut stop = stop(agent, 1);
        stop.status = Status::Failure;
        changes.extend(journey.happen(id, Fact::Stop(Box::new(stop))));
    }
    apply(&live, 0, 9, &writes(&changes)).await;
    // Neither agent has a place: they share a list.
    let failed = failed(&live, OTHER).await;
    let ids: Vec<&str> = failed
        .iter()
        .filter_map(|failed| failed["agent_id"].as_str())
        .collect();
    assert_eq!(ids, ["c", "b", "a"]);
    assert!(failed.iter().all(|failed| failed["status"] == "failure"));
}

#[tokio::test]
async fn fifty_failures_are_shown_though_each_was_corrected() {
    let server = Server::start(&[]).await;
    for at_once in [1, 20, 200] {
        let live = server.live().await;
        ask(&live, &["FLUSHALL"]).await;
        set_cursor(&live, "e:0").await;
        let mut journey = Journey::new(6);
        let mut changes = Vec::new();
        for round in 0..2 {
            for i in 0..50 {
                let (id, ended_ms) = (format!("{i}"), now_ms());
                let fact = match round {
                    0 => Fact::TimedOut { ended_ms },
                    _ => {
                        let mut stop = stop("agent-0", 1);
                        stop.status = Status::Failure;
                        Fact::Stop(Box::new(stop))
                    }
                };
                if round == 0 {
                    changes.extend(journey.happen(&id, Fact::Start(Box::new(start("agent-0")))));
                }
                changes.extend(journey.happen(&id, fact));
            }
        }
        // A start and two ends each.
        assert_eq!(changes.len(), 150);
        let mut from = 0;
        for batch in changes.chunks(at_once) {
            let to = from + batch.len() as u64;
            apply(&live, from, to, &writes(batch)).await;
            from = to;
        }
        let errors = failed(&live, "agent-0").await;
        assert_eq!(errors.len(), 50, "{at_once} at once");
        assert!(errors.iter().all(|one| one["status"] == "failure"));
        // Nothing that they were is left.
        let dump = dump(&live).await;
        for list in ["errors", "history"] {
            let list = format!("test:agent:{list}:agent-0");
            assert_eq!(dump[&list].1.len(), 50, "{list}, {at_once} at once");
        }
    }
}
