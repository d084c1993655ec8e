use std::collections::HashSet;

use super::apply::apply;
use super::journey::Journey;
use super::{Dump, IDLE_MS, Server, active, ask, dump, keys, names, set_cursor, writes};
use crate::domain::bucket::{Day, Hour};
use crate::domain::execution::{Contribution, Execution};
use crate::domain::names::NameKind;
use crate::domain::tally::Tally;
use crate::domain::view::{
    Active, AgentDay, DayTally, Failed, HourTally, Recent, Sign, ToolDay, ToolPair, TypeTool,
};
use crate::live::{Key, Live, Rows, Writes};

#[tokio::test]
async fn a_rebuilt_redis_equals_an_applied_one() {
    let server = Server::start(&[]).await;
    for seed in 1..=12 {
        let live = server.live().await;
        ask(&live, &["FLUSHALL"]).await;
        set_cursor(&live, "e:0").await;
        let mut journey = Journey::new(seed);
        journey.step_ms = 0;
        let changes = journey.changes(250);
        for (i, batch) in changes.chunks(50).enumerate() {
            let from = i as u64 * 50;
            apply(&live, from, from + 50, &writes(batch)).await;
        }
        let mut applied = dump(&live).await;

        set_cursor(&live, "rebuilding:x:0").await;
        let cleared = live.clear("rebuilding:x:0").await.unwrap();
        assert_eq!(cleared, Some(applied.len() as u64 - 1));
        let (tables, recent) = history(&journey);
        let last = apply_rows(&live, &tables, &recent, journey.now_ms()).await;
        live.apply(&last, "e:250", &Writes::default())
            .await
            .unwrap();
        let mut rebuilt = dump(&live).await;

        forget_lost_extremes(&mut applied, &mut rebuilt);
        keep_newest(&mut applied);
        keep_newest(&mut rebuilt);
        assert!(rebuilt.len() > 50, "seed {seed} says little");
        for name in applied.keys().chain(rebuilt.keys()) {
            let (mut applied, mut rebuilt) =
                (applied.get(name).cloned(), rebuilt.get(name).cloned());
            // A bounded list holds fewer executions where some are in it repeatedly.
            if let (Some((_, fewer, _)), Some((_, more, _))) = (&mut applied, &mut rebuilt)
                && matches!(keys().recognize(name), Some(Key::History | Key::Errors))
            {
                assert!(!fewer.is_empty() && fewer.len() <= more.len(), "{name}");
                more.truncate(fewer.len());
            }
            assert_eq!(applied, rebuilt, "seed {seed}: {name}");
        }
    }
}

#[tokio::test]
async fn a_delete_of_an_earlier_attempt_deletes_nothing() {
    let server = Server::start(&[]).await;
    let live = server.live().await;
    set_cursor(&live, "e:0").await;
    apply(&live, 0, 50, &writes(&Journey::new(1).changes(50))).await;
    let before = dump(&live).await;
    assert!(before.len() > 10, "{before:?}");
    for late in ["rebuilding:e:1.1:0", "e:49", ""] {
        assert_eq!(live.clear(late).await.unwrap(), None, "{late}");
        assert_eq!(dump(&live).await, before);
    }
    // An empty cursor expects none, and is not what a Redis without one answers to.
    ask(&live, &["DEL", "test:journal:cursor"]).await;
    assert_eq!(live.clear("").await.unwrap(), None);
    assert_eq!(dump(&live).await.len(), before.len() - 1);
}

#[tokio::test]
async fn a_rebuild_is_divided_and_each_part_applies_once() {
    let server = Server::start(&[]).await;
    let live = server.live().await;
    let mut journey = Journey::new(1);
    journey.ids = 10_000;
    journey.changes(8_000);
    let (tables, recent) = history(&journey);
    let chunks = chunks(&tables, &recent, journey.now_ms());
    assert!(chunks.len() > 3, "{}", chunks.len());
    set_cursor(&live, "rebuilding:x:0").await;
    for (i, chunk) in chunks.iter().enumerate() {
        for _ in 0..2 {
            let (from, to) = (
                format!("rebuilding:x:{i}"),
                format!("rebuilding:x:{}", i + 1),
            );
            assert_eq!(live.apply(&from, &to, chunk).await.unwrap(), to);
        }
    }
    let running = recent.running.len();
    assert!(running > 2_000, "{running}");
    let current = live.current(Day::of(journey.now_ms())).await.unwrap();
    assert_eq!(current.running as usize, running);
    assert_eq!(active(&live).await.len(), running);
}

/// The tables of history, as far as they are asked.
#[derive(Default)]
pub(super) struct Tables {
    hours: Vec<HourTally>,
    days: Vec<DayTally>,
    agents: Vec<AgentDay>,
    tools: Vec<ToolDay>,
    type_tools: Vec<TypeTool>,
    pairs: Vec<ToolPair>,
}

/// Answers the mark after the last part.
pub(super) async fn apply_rows(
    live: &Live,
    tables: &Tables,
    recent: &Recent,
    now_ms: i64,
) -> String {
    let mut mark = "rebuilding:x:0".to_owned();
    set_cursor(live, &mark).await;
    for (i, chunk) in chunks(tables, recent, now_ms).iter().enumerate() {
        let to = format!("rebuilding:x:{}", i + 1);
        assert_eq!(live.apply(&mark, &to, chunk).await.unwrap(), to);
        mark = to;
    }
    mark
}

fn chunks(tables: &Tables, recent: &Recent, now_ms: i64) -> Vec<Writes> {
    let rows = Rows {
        hours: &tables.hours,
        days: &tables.days,
        agents: &tables.agents,
        tools: &tables.tools,
        type_tools: &tables.type_tools,
        pairs: &tables.pairs,
        recent,
    };
    Writes::of_rows(&rows, &names(), &keys(), now_ms)
}

/// What history holds of the executions, found one by one.
fn history(journey: &Journey) -> (Tables, Recent) {
    let mut tables = Tables::default();
    let mut recent = Recent::default();
    for id in &journey.order {
        let execution = &journey.executions[id];
        if execution.is_running() {
            let sign = Sign::of_change(journey.now_ms(), IDLE_MS);
            recent.running.push(Active::of(execution).with(&sign));
        }
        if let Some(started_ms) = execution.started_ms() {
            recent.started.push((id.clone(), started_ms));
        }
        let Some(contribution) = execution.contribution() else {
            continue;
        };
        recent.ended.push(execution.clone());
        if let Some(ms) = contribution.duration_ms {
            let agent = contribution.agent_name.to_owned();
            recent.slowest.push((agent, id.clone(), ms));
        }
        tables.add(&contribution);
    }
    (tables, recent)
}

impl Tables {
    /// A row a contribution: whoever reads them has to add them up.
    fn add(&mut self, contribution: &Contribution) {
        let (day, tally): (Day, Tally) = (contribution.day(), contribution.tally);
        let agent_type = contribution.agent_type.to_owned();
        self.hours.push(HourTally {
            hour: Hour::of(contribution.ended_ms),
            agent_type: agent_type.clone(),
            tally,
        });
        self.days.push(DayTally { day, tally });
        self.agents.push(AgentDay {
            day,
            agent_name: contribution.agent_name.to_owned(),
            tally,
            sketch: contribution
                .duration_ms
                .map(|ms| (ms, 1))
                .into_iter()
                .collect(),
            min_duration_ms: contribution.duration_ms,
            max_duration_ms: contribution.duration_ms,
        });
        for &(tool, calls) in &contribution.tools {
            self.tools.push(ToolDay {
                day,
                tool: tool.to_owned(),
                calls,
                executions: 1,
            });
            self.type_tools.push(TypeTool {
                day,
                agent_type: agent_type.clone(),
                tool: tool.to_owned(),
                calls,
            });
        }
        for (first, second) in contribution.tool_pairs() {
            self.pairs.push(ToolPair {
                day,
                first: first.to_owned(),
                second: second.to_owned(),
                executions: 1,
            });
        }
    }
}

/// Where a duration was taken away, a reader asks history for the smallest and the largest.
fn forget_lost_extremes(applied: &mut Dump, rebuilt: &mut Dump) {
    let names: Vec<String> = applied.keys().cloned().collect();
    for name in names {
        let lost = applied[&name]
            .1
            .iter()
            .any(|field| field.starts_with("extremes_from_history"));
        if !lost {
            continue;
        }
        for dump in [&mut *applied, &mut *rebuilt] {
            if let Some((_, fields, _)) = dump.get_mut(&name) {
                let lost = [
                    "extremes_from_history",
                    "min_duration_ms",
                    "max_duration_ms",
                ];
                fields.retain(|field| !lost.iter().any(|lost| field.starts_with(lost)));
                if fields.is_empty() {
                    dump.remove(&name);
                }
            }
        }
    }
}

/// Lists as a reader takes them: the newest entry of each execution, if it belongs there.
pub(super) fn keep_newest(dump: &mut Dump) {
    let names = names();
    let mut emptied = Vec::new();
    for (name, (_, content, _)) in dump.iter_mut() {
        let Some(key @ (Key::History | Key::Errors)) = keys().recognize(name) else {
            continue;
        };
        let mut seen = HashSet::new();
        content.retain(|entry| {
            let (id, agent, counts) = if key == Key::History {
                let execution: Execution = serde_json::from_str(entry).unwrap();
                let agent = execution.agent_name().to_owned();
                let has_ended = execution.outcome().is_some();
                (execution.id, agent, has_ended)
            } else {
                let failed: Failed = serde_json::from_str(entry).unwrap();
                let has_failed = failed.status.as_str() != "success";
                (failed.agent_id, failed.agent_name, has_failed)
            };
            let place = names.place(NameKind::Agent, &agent);
            seen.insert(id) && counts && name.ends_with(&format!(":{place}"))
        });
        if content.is_empty() {
            emptied.push(name.clone());
        }
    }
    emptied.iter().for_each(|name| {
        dump.remove(name);
    });
}
