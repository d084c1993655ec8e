use std::sync::Arc;

use super::journey::Journey;
use super::rebuild::{Tables, apply_all, chunks, forget_lost_extremes};
use super::{
    IDLE_MS, PREFIX, Server, active, ask, dump, durations, failed, keys, names, now_ms, set_cursor,
    writes,
};
use crate::{Key, Live, Writes};
use agentpulse_core::bucket::DAY_MS;
use agentpulse_core::execution::{Fact, Start, Stop};
use agentpulse_core::retention::{DURATIONS_KEPT, ENDED_KEPT, TIMELINE_KEPT};
use agentpulse_core::zone::Zone;

#[tokio::test]
async fn a_batch_that_comes_twice_counts_once() {
    let server = Server::start(&[]).await;
    let live = server.live().await;
    assert_eq!(live.cursor().await.unwrap(), None);
    set_cursor(&live, "e:0").await;
    let batch = writes(&Journey::new(1).changes(100));
    assert_eq!(
        live.apply("e:0", "e:100", batch.clone()).await.unwrap(),
        "e:100"
    );
    let once = dump(&live).await;
    assert_eq!(
        live.apply("e:0", "e:100", batch.clone()).await.unwrap(),
        "e:100"
    );
    assert_eq!(dump(&live).await, once);
    assert_eq!(live.cursor().await.unwrap().as_deref(), Some("e:100"));
}

#[tokio::test]
async fn another_cursor_changes_nothing_and_is_answered() {
    let server = Server::start(&[]).await;
    let live = server.live().await;
    let batch = writes(&Journey::new(2).changes(10));
    assert_eq!(live.apply("e:0", "e:10", batch.clone()).await.unwrap(), "");
    set_cursor(&live, "f:7").await;
    assert_eq!(
        live.apply("e:0", "e:10", batch.clone()).await.unwrap(),
        "f:7"
    );
    assert_eq!(dump(&live).await.len(), 1);
}

#[tokio::test]
async fn one_batch_comes_to_the_same_as_many() {
    let server = Server::start(&[]).await;
    for seed in 1..=12 {
        let mut journey = Journey::new(seed);
        let changes = journey.changes(300);
        let mut dumps = Vec::new();
        for most in [300, 64, 1] {
            let live = server.live().await;
            ask(&live, &["FLUSHALL"]).await;
            set_cursor(&live, "e:0").await;
            let (mut from, mut rest) = (0, changes.as_slice());
            while !rest.is_empty() {
                let count = 1 + journey.below(most) as usize;
                let (batch, next) = rest.split_at(count.min(rest.len()));
                let to = batch.last().unwrap().seq;
                apply(&live, from, to, &writes_at(batch, journey.now_ms())).await;
                (from, rest) = (to, next);
            }
            dumps.push(dump(&live).await);
        }
        assert!(dumps[0].len() > 60, "seed {seed} says little");
        // A duration that comes and goes within a batch is none; one that goes in a later batch
        // leaves the extremes to history.
        let [whole, parts @ ..] = &mut dumps[..] else {
            unreachable!("three sizes")
        };
        for part in &mut *parts {
            forget_lost_extremes(part, whole);
        }
        for part in parts {
            forget_lost_extremes(part, whole);
            assert_eq!(part, whole, "seed {seed}");
        }
    }
}

#[tokio::test]
async fn a_key_of_another_type_leaves_nothing_half_written() {
    let server = Server::start(&[]).await;
    let live = server.live().await;
    set_cursor(&live, "e:0").await;
    let changes = Journey::new(3).changes(200);
    let batch = writes(&changes);
    for section in &batch.sections {
        let kind = keys().recognize(&section.name).unwrap().row().kind.as_str();
        let foreign: &[&str] = if kind == "set" {
            &["LPUSH", &section.name, "x"]
        } else {
            &["SADD", &section.name, "x"]
        };
        ask(&live, foreign).await;
        let before = dump(&live).await;
        let error = live.apply("e:0", "e:1", batch.clone()).await.unwrap_err();
        assert!(error.is_broken() && !error.is_away(), "{error}");
        assert!(error.to_string().contains("WRONGTYPE"), "{error}");
        assert!(error.to_string().contains(&section.name), "{error}");
        assert_eq!(dump(&live).await, before);
        ask(&live, &["DEL", &section.name]).await;
    }
}

#[tokio::test]
async fn a_hash_field_that_is_no_number_leaves_nothing_half_written() {
    let server = Server::start(&[]).await;
    let live = server.live().await;
    set_cursor(&live, "e:0").await;
    let changes = Journey::new(3).changes(50);
    let batch = writes(&changes);
    let day = changes
        .iter()
        .find_map(|change| change.added())
        .unwrap()
        .day(&Zone::utc());
    let name = keys().name(Key::DayTally, &[&day]);
    for value in ["many", "1.5", "0x10", "inf", "1e3", ""] {
        ask(&live, &["HSET", &name, "execution_count", value]).await;
        let before = dump(&live).await;
        let error = live.apply("e:0", "e:1", batch.clone()).await.unwrap_err();
        assert!(error.is_broken(), "{error}");
        assert_eq!(dump(&live).await, before);
    }
}

#[tokio::test]
async fn executions_that_ended_long_ago_leave_no_key() {
    let server = Server::start(&[]).await;
    let live = server.live().await;
    set_cursor(&live, "e:0").await;
    let mut journey = Journey::new(5);
    let mut stop = stop("agent-1", 5);
    stop.ended_ms = now_ms() - 100 * DAY_MS;
    stop.duration_ms = Some(1_000);
    stop.tool_calls = [("Tool1".to_owned(), 1), ("Tool2".to_owned(), 1)].into();
    let change = journey.happen("old", Fact::Stop(Box::new(stop))).unwrap();
    apply(&live, 0, 1, &writes(&[change])).await;
    // What is by agent and not by day is of the last executions, however old they are. The start,
    // 100 days ago, is out of the timeline at once.
    let left: Vec<String> = dump(&live).await.into_keys().collect();
    assert_eq!(left, ["test:agent:history:agent-1", "test:journal:cursor",]);
}

#[tokio::test]
async fn lists_and_rankings_are_bounded() {
    let server = Server::start(&[]).await;
    let live = server.live().await;
    set_cursor(&live, "e:0").await;
    let mut journey = Journey::new(6);
    let count = 330;
    let began_ms = now_ms();
    let mut from = 0;
    for batch in 0..2 {
        let changes: Vec<_> = (0..count)
            .map(|i| {
                let mut stop = stop("agent-0", 1);
                stop.duration_ms = Some(i);
                stop.ended_ms = began_ms - 1_000 + (batch * count + i) as i64;
                let id = format!("{batch}-{i}");
                journey.happen(&id, Fact::Stop(Box::new(stop))).unwrap()
            })
            .collect();
        let to = changes.last().unwrap().seq;
        apply(&live, from, to, &writes(&changes)).await;
        from = to;
    }
    let dump = dump(&live).await;
    let history = &dump["test:agent:history:agent-0"].1;
    assert_eq!(history.len(), ENDED_KEPT);
    assert!(
        history[0].contains("\"agent_id\":\"1-329\""),
        "{}",
        history[0]
    );
    let slow = durations(&live, "agent-0").await;
    assert_eq!(slow.len(), DURATIONS_KEPT);
    // Of 0 to 329, twice, the 500 that came last.
    assert_eq!(slow[0], ("1-329".to_owned(), 329));
    let of_second = slow.iter().filter(|(id, _)| id.starts_with("1-")).count();
    assert_eq!(of_second, 330);
    let least_of_first = slow.iter().rfind(|(id, _)| id.starts_with("0-"));
    assert_eq!(least_of_first.unwrap().1, 160);
}

#[tokio::test]
async fn the_timeline_keeps_the_newest() {
    let server = Server::start(&[]).await;
    let live = server.live().await;
    set_cursor(&live, "e:0").await;
    let now_ms = now_ms();
    let started: Vec<(String, i64)> = (0..TIMELINE_KEPT as i64 + 5)
        .map(|i| (format!("id-{i}"), now_ms - i))
        .chain([("old".to_owned(), now_ms - 8 * DAY_MS)])
        .collect();
    let recent = agentpulse_core::view::Recent {
        started,
        ..Default::default()
    };
    let chunks = chunks(&names(), &Tables::default(), &recent, &[], now_ms);
    apply_all(&live, &chunks).await;
    let name = keys().name(Key::Timeline, &[]);
    let count = ask(&live, &["ZCARD", &name]).await.as_i64();
    assert_eq!(count, Some(TIMELINE_KEPT as i64));
    let first = ask(&live, &["ZRANGE", &name, "0", "0"]).await.into_array();
    assert_eq!(first[0].as_string().as_deref(), Some("id-9999"));
}

#[tokio::test]
async fn an_execution_that_moves_or_recovers_leaves_no_failure_behind() {
    let server = Server::start(&[]).await;
    let live = server.live().await;
    set_cursor(&live, "e:0").await;
    let mut journey = Journey::new(7);
    let ended_ms = now_ms() - 1_000;
    let mut facts = Vec::new();
    for id in ["revived", "succeeded"] {
        facts.push((id, Fact::Start(Box::new(start("agent-0")))));
        facts.push((id, Fact::TimedOut { ended_ms }));
    }
    facts.push(("revived", Fact::Alive));
    facts.push(("succeeded", Fact::Stop(Box::new(stop("agent-0", 1)))));
    let mut nameless = stop("agent-0", 1);
    nameless.agent_name = None;
    nameless.status = agentpulse_core::execution::Status::Failure;
    facts.push(("moved", Fact::Stop(Box::new(nameless))));
    facts.push(("moved", Fact::Start(Box::new(start("agent-1")))));
    for (i, (id, fact)) in facts.into_iter().enumerate() {
        let change = journey.happen(id, fact).unwrap();
        apply(&live, i as u64, i as u64 + 1, &writes(&[change])).await;
    }
    assert!(failed(&live, "agent-0").await.is_empty());
    assert!(failed(&live, "unknown").await.is_empty());
    let errors = failed(&live, "agent-1").await;
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0]["agent_id"], "moved");
}

#[tokio::test]
async fn every_key_has_the_type_and_the_life_of_its_row() {
    let server = Server::start(&[]).await;
    let live = server.live().await;
    set_cursor(&live, "e:0").await;
    let mut journey = Journey::new(8);
    // All in one millisecond, so that every idle life begins at once.
    journey.step_ms = 0;
    let changes = journey.changes(400);
    apply(&live, 0, 400, &writes_at(&changes, journey.now_ms())).await;
    let mut seen = std::collections::HashSet::new();
    for (name, (kind, _, expires_s)) in dump(&live).await {
        let key = keys().recognize(&name).unwrap_or_else(|| panic!("{name}"));
        seen.insert(key as usize);
        assert_eq!(kind, key.row().kind.as_str(), "{name}");
        let day_end_s = |days: i64| {
            let part = name
                .split(':')
                .find(|part| part.starts_with("20"))
                .unwrap_or_else(|| panic!("{name}"));
            let day = agentpulse_core::bucket::Day::parse(&part[..10]).unwrap();
            let hours: i64 = part
                .get(11..)
                .map_or(24, |hour| hour.parse::<i64>().unwrap() + 1);
            day.utc_start_ms() / 1000 + hours * 3_600 + days * 86_400
        };
        let idle_s = |ms: i64| (journey.now_ms() + ms + 999) / 1000;
        let expected = match key {
            Key::Active | Key::Deadlines | Key::Cursor => -1,
            Key::ActiveOf => idle_s(IDLE_MS + 60_000),
            Key::Timeline | Key::Durations | Key::DurationEnds => idle_s(7 * DAY_MS),
            Key::History | Key::Errors => idle_s(90 * DAY_MS),
            Key::HourTally => day_end_s(7),
            Key::DayTally | Key::ToolCalls | Key::ToolExecutions => day_end_s(90),
            _ => day_end_s(8),
        };
        assert_eq!(expires_s, expected, "{name}");
    }
    assert_eq!(seen.len(), crate::TABLE.len());
}

#[tokio::test]
async fn a_name_that_redis_takes_for_something_else_is_a_name() {
    let server = Server::start(&[]).await;
    let live = server.live().await;
    set_cursor(&live, "e:0").await;
    let mut journey = Journey::new(9);
    let mut changes = Vec::new();
    for id in ["message", "subscribe", "nil"] {
        changes.extend(journey.happen(id, Fact::Start(Box::new(start("agent-0")))));
    }
    apply(&live, 0, 3, &writes(&changes)).await;
    assert_eq!(active(&live).await.len(), 3);
    assert_eq!(live.clear("e:3").await.unwrap(), Some(6));
}

pub(super) fn start(agent: &str) -> Start {
    Start {
        agent_name: agent.to_owned(),
        agent_type: Some("type-0".to_owned()),
        started_ms: now_ms(),
        task_description: None,
        tools_granted: Vec::new(),
        context_size: None,
        origin: Default::default(),
    }
}

/// A success without a duration.
pub(super) fn stop(agent: &str, tokens: u64) -> Stop {
    let text = serde_json::json!({
        "agent_name": agent,
        "agent_type": "type-0",
        "ended_ms": now_ms(),
        "status": "success",
        "token_usage": {
            "input_tokens": 0,
            "output_tokens": 0,
            "cache_read_tokens": 0,
            "cache_write_tokens": 0,
            "total_tokens": tokens,
        },
    });
    serde_json::from_value(text).unwrap()
}

fn writes_at(changes: &[Arc<agentpulse_core::change::Change>], now_ms: i64) -> Writes {
    Writes::of(changes, &names(), &keys(), IDLE_MS, now_ms)
}

pub(super) async fn apply(live: &Live, from: u64, to: u64, batch: &Writes) {
    let (from, to) = (format!("e:{from}"), format!("e:{to}"));
    assert_eq!(
        live.apply(&from, &to, batch.clone()).await.unwrap(),
        to,
        "{PREFIX}"
    );
}
