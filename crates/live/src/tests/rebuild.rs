use std::sync::Arc;

use super::apply::apply;
use super::journey::Journey;
use super::{Dump, IDLE_MS, Server, active, ask, dump, keys, names, set_cursor, writes};
use crate::{Live, Rows, Writes};
use agentpulse_core::bucket::{DAY_MS, Day, Hour};
use agentpulse_core::change::Change;
use agentpulse_core::execution::{Contribution, Execution};
use agentpulse_core::names::{NameKind, NameLimits, Names};
use agentpulse_core::tally::Tally;
use agentpulse_core::view::{
    Active, AgentDay, DayParts, DayTally, Heartbeat, HourTally, LastDuration, Recent, ToolDay,
    ToolPair, TypeTool,
};
use agentpulse_core::zone::Zone;

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
        let (tables, recent, active, ended) = history(&journey, &names());
        let chunks = chunks(&names(), &tables, &recent, &active, journey.now_ms());
        let last = apply_all(&live, &chunks).await;
        let lists = Writes::of_ended(&ended, &names(), &keys(), journey.now_ms());
        live.apply(&last, "e:250", lists.clone()).await.unwrap();
        let mut rebuilt = dump(&live).await;

        forget_lost_extremes(&mut applied, &mut rebuilt);
        assert!(rebuilt.len() > 50, "seed {seed} says little");
        for name in applied.keys().chain(rebuilt.keys()) {
            let (applied, rebuilt) = (applied.get(name), rebuilt.get(name));
            assert_eq!(applied, rebuilt, "seed {seed}: {name}");
        }
    }
}

/// As the writer gives them: whose name comes first on a day has a place on it.
fn track(names: &mut Names, changes: &[Arc<Change>]) {
    for added in changes.iter().filter_map(|change| change.added()) {
        let day = added.day(&Zone::utc());
        names.track(NameKind::Agent, day, added.agent_name);
        names.track(NameKind::Type, day, added.agent_type);
        for (tool, _) in &added.tools {
            names.track(NameKind::Tool, day, tool);
        }
    }
}

#[tokio::test]
async fn names_that_found_a_place_on_some_days_are_rebuilt_where_they_were() {
    let server = Server::start(&[]).await;
    let live = server.live().await;
    let limits = NameLimits {
        agents: 3,
        types: 2,
        tools: 3,
    };
    for seed in 1..=6 {
        ask(&live, &["FLUSHALL"]).await;
        set_cursor(&live, "e:0").await;
        let mut journey = Journey::new(seed);
        journey.step_ms = 0;
        journey.ends_within_ms = 30 * DAY_MS;
        let mut names = Names::new(limits, Zone::utc(), Day::utc_of(journey.now_ms()));
        for (i, batch) in journey.changes(400).chunks(25).enumerate() {
            track(&mut names, batch);
            let writes = Writes::of(batch, &names, &keys(), IDLE_MS, journey.now_ms());
            let from = i as u64 * 25;
            apply(&live, from, from + 25, &writes).await;
        }
        let mut applied = dump(&live).await;
        set_cursor(&live, "rebuilding:x:0").await;
        live.clear("rebuilding:x:0").await.unwrap();
        let (tables, recent, active, ended) = history(&journey, &names);
        let chunks = chunks(&names, &tables, &recent, &active, journey.now_ms());
        let last = apply_all(&live, &chunks).await;
        let lists = Writes::of_ended(&ended, &names, &keys(), journey.now_ms());
        live.apply(&last, "e:400", lists.clone()).await.unwrap();
        let mut rebuilt = dump(&live).await;
        forget_lost_extremes(&mut applied, &mut rebuilt);
        let closed = names.closed(NameKind::Tool).count();
        assert!(closed > 9, "seed {seed}: {closed} days were full");
        for name in applied.keys().chain(rebuilt.keys()) {
            assert_eq!(applied.get(name), rebuilt.get(name), "seed {seed}: {name}");
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
    let (tables, recent, active_rows, _) = history(&journey, &names());
    let chunks = chunks(&names(), &tables, &recent, &active_rows, journey.now_ms());
    assert!(chunks.len() > 3, "{}", chunks.len());
    set_cursor(&live, "rebuilding:x:0").await;
    for (i, chunk) in chunks.iter().enumerate() {
        for _ in 0..2 {
            let (from, to) = (
                format!("rebuilding:x:{i}"),
                format!("rebuilding:x:{}", i + 1),
            );
            assert_eq!(live.apply(&from, &to, chunk.clone()).await.unwrap(), to);
        }
    }
    let running = active_rows.len();
    assert!(running > 2_000, "{running}");
    let current = live.current(Day::utc_of(journey.now_ms())).await.unwrap();
    assert_eq!(current.running as usize, running);
    assert_eq!(active(&live).await.len(), running);
}

/// The tables of history, as far as they are asked.
#[derive(Default)]
pub(super) struct Tables {
    hours: Vec<HourTally>,
    days: Vec<DayTally>,
    day_parts: Vec<DayParts>,
    agents: Vec<AgentDay>,
    tools: Vec<ToolDay>,
    type_tools: Vec<TypeTool>,
    pairs: Vec<ToolPair>,
}

/// Answers the mark after the last part.
pub(super) async fn apply_all(live: &Live, chunks: &[Writes]) -> String {
    let mut mark = "rebuilding:x:0".to_owned();
    set_cursor(live, &mark).await;
    for (i, chunk) in chunks.iter().enumerate() {
        let to = format!("rebuilding:x:{}", i + 1);
        assert_eq!(live.apply(&mark, &to, chunk.clone()).await.unwrap(), to);
        mark = to;
    }
    mark
}

pub(super) fn chunks(
    names: &Names,
    tables: &Tables,
    recent: &Recent,
    active: &[Active],
    now_ms: i64,
) -> Vec<Writes> {
    let rows = Rows {
        hours: &tables.hours,
        days: &tables.days,
        day_parts: &tables.day_parts,
        agents: &tables.agents,
        tools: &tables.tools,
        type_tools: &tables.type_tools,
        pairs: &tables.pairs,
        recent,
    };
    let mut chunks = Writes::of_rows(&rows, names, &keys(), now_ms);
    let active = active.chunks(100);
    chunks.extend(active.map(|active| Writes::of_active(active, &keys(), now_ms)));
    chunks
}

/// What history holds of the executions, found one by one.
fn history(journey: &Journey, names: &Names) -> (Tables, Recent, Vec<Active>, Vec<Arc<Execution>>) {
    let (mut tables, mut ended) = (Tables::default(), Vec::new());
    let mut running = Vec::new();
    let mut recent = Recent::default();
    for id in &journey.order {
        let execution = &journey.executions[id];
        if execution.is_running() {
            let heartbeat = Heartbeat::of_change(journey.now_ms(), IDLE_MS);
            running.push(Active::of(execution).with(&heartbeat));
        }
        if let Some(started_ms) = execution.started_ms() {
            recent.started.push((id.clone(), started_ms));
        }
        let Some(contribution) = execution.contribution() else {
            continue;
        };
        ended.push(execution.clone());
        let is_recent = contribution.ended_ms >= journey.now_ms() - 7 * DAY_MS;
        if let Some(ms) = contribution.duration_ms.filter(|_| is_recent) {
            let (day, agent) = (contribution.day(&Zone::utc()), contribution.agent_name);
            let place = names.label(NameKind::Agent, day, agent).to_owned();
            recent.durations.push(LastDuration {
                label: place,
                agent_id: id.clone(),
                duration_ms: ms,
                ended_ms: contribution.ended_ms,
            });
        }
        tables.add(&contribution);
    }
    (tables, recent, running, ended)
}

impl Tables {
    /// A row a contribution: a reader has to add them up.
    fn add(&mut self, contribution: &Contribution) {
        let (day, tally): (Day, Tally) = (contribution.day(&Zone::utc()), contribution.tally);
        let agent_type = contribution.agent_type.to_owned();
        self.hours.push(HourTally {
            hour: Hour::of(contribution.ended_ms),
            agent_type: agent_type.clone(),
            tally,
        });
        self.days.push(DayTally { day, tally });
        let hour_of_day = Hour::of(contribution.ended_ms).utc_of_day();
        self.day_parts.push(DayParts {
            day,
            by_hour: [(hour_of_day, 1)].into(),
            by_type: [(agent_type.clone(), 1)].into(),
        });
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
pub(super) fn forget_lost_extremes(applied: &mut Dump, rebuilt: &mut Dump) {
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
