//! Tracked names: a name is tracked on a day, stays tracked for a week, and that is the same
//! whatever restarts or is rebuilt.

use std::collections::BTreeMap;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::harness::{Daemon, Run, Setup, eventually, now_ms};
use crate::model::{DAY_MS, day};

/// A stop of an agent, with one call of each tool.
fn stop(id: &str, agent: &str, kind: &str, tools: &[String], end_ms: i64) -> Value {
    let calls: BTreeMap<&String, i64> = tools.iter().map(|tool| (tool, 1)).collect();
    Run::new(id)
        .agent(agent)
        .of_type(kind)
        .ended(end_ms)
        .took(100)
        .called(json!(calls))
        .stop()
}

fn texts<const N: usize>(names: [&str; N]) -> Vec<String> {
    names.map(str::to_owned).to_vec()
}

/// More names of each kind than there is room for.
fn junk(id: &str, end_ms: i64) -> Vec<Value> {
    let one = |n: i64| {
        let tool = format!("mcp__{id}__{n:02}");
        stop(
            &format!("{id}-{n}"),
            &tool,
            &tool,
            std::slice::from_ref(&tool),
            end_ms,
        )
    };
    (0..10).map(one).collect()
}

/// Tools with their calls, as Redis has them on a day.
fn in_redis(daemon: &Daemon, at_ms: i64) -> BTreeMap<String, String> {
    let key = format!("tools:usage:{}", day(at_ms));
    let ranking = daemon.redis(&["ZRANGE", &key, "0", "-1", "WITHSCORES"]);
    ranking.pairs().into_iter().collect()
}

/// The same, as an answer has them.
fn answered(daemon: &Daemon, at_ms: i64) -> Result<BTreeMap<String, String>, String> {
    let told = daemon.read(&format!("/api/agents/tools/usage?date={}", day(at_ms)))?;
    let tools = told["tools"].as_array().ok_or("no list")?.iter();
    let row = |tool: &Value| {
        let name = tool["name"].as_str().unwrap_or_default().to_owned();
        (name, tool["usage_count"].to_string())
    };
    Ok(tools.map(row).collect())
}

#[track_caller]
fn are(daemon: &Daemon, at_ms: i64, want: &[(&str, &str)]) {
    let want: BTreeMap<String, String> = want
        .iter()
        .map(|(name, calls)| ((*name).to_owned(), (*calls).to_owned()))
        .collect();
    eventually("the tools of a day", || {
        let (told, answer) = (in_redis(daemon, at_ms), answered(daemon, at_ms)?);
        if told == want && answer == want {
            Ok(())
        } else {
            Err(format!("{told:?} and {answer:?}, expected {want:?}"))
        }
    });
}

fn setup() -> Setup {
    Setup::new()
        .set("limits.agent_names", "4")
        .set("limits.agent_types", "4")
        .set("limits.tools", "4")
}

fn rebuild(daemon: &Daemon) {
    assert!(daemon.command(&["rebuild"]).status.success());
}

#[test]
fn junk_takes_no_place_from_those_that_come_a_week_later_or_were_there_before() {
    let mut daemon = setup().start();
    let now_ms = now_ms() - 1_000;
    let (month_ms, yesterday_ms) = (now_ms - 30 * DAY_MS, now_ms - DAY_MS);
    daemon.accept(&junk("old", month_ms));
    daemon.accept(&[stop("y", "zorp", "tester", &texts(["Read"]), yesterday_ms)]);
    // Today the junk comes first; `Read` is held since yesterday, `Edit` comes too late.
    daemon.accept(&junk("new", now_ms));
    let tools = texts(["Edit", "Read"]);
    daemon.accept(&[stop("t", "zorp", "tester", &tools, now_ms)]);

    let disturbances: [fn(&mut Daemon); 3] = [
        |_| {},
        |daemon| rebuild(daemon),
        |daemon| {
            daemon.kill9();
            daemon.restart();
        },
    ];
    for disturb in disturbances {
        disturb(&mut daemon);
        let of_junk = |id: &str, n: usize| format!("mcp__{id}__{n:02}");
        let (a, b, c, d) = (
            of_junk("old", 0),
            of_junk("old", 1),
            of_junk("old", 2),
            of_junk("old", 3),
        );
        let month = [(&*a, "1"), (&b, "1"), (&c, "1"), (&d, "1"), ("_other", "6")];
        are(&daemon, month_ms, &month);
        are(&daemon, yesterday_ms, &[("Read", "1")]);
        let (a, b, c) = (of_junk("new", 0), of_junk("new", 1), of_junk("new", 2));
        let today = [
            (&*a, "1"),
            (&b, "1"),
            (&c, "1"),
            ("_other", "8"),
            ("Read", "1"),
        ];
        are(&daemon, now_ms, &today);
        let path = "/api/agents/performance/zorp?days=7";
        let told = daemon.read(path).expect("an agent");
        assert_eq!(told["total_executions"], 2);
        let view = daemon.get(path);
        assert_eq!(view.header("x-agentpulse-source"), Some("live"));
        // History answers for one that is not tracked today.
        let path = "/api/agents/performance/mcp__new__09?days=7";
        eventually("an agent that is not tracked", || {
            let told = daemon.read(path)?;
            (told["total_executions"] == 1)
                .then_some(())
                .ok_or(told.to_string())
        });
    }
}

/// Of four names an older version tracked three.
#[test]
fn tracked_names_of_an_older_version_stay_until_they_are_unused() {
    let mut daemon = Setup::new().set("limits.tools", "3").start();
    let now_ms = now_ms() - 1_000;
    let yesterday_ms = now_ms - DAY_MS;
    let tools = texts(["A", "B", "C", "D"]);
    daemon.accept(&[stop("y", "zorp", "tester", &tools, yesterday_ms)]);
    are(
        &daemon,
        yesterday_ms,
        &[("A", "1"), ("B", "1"), ("C", "1"), ("_other", "1")],
    );
    assert!(daemon.sigterm().success());
    {
        let journal = Connection::open(daemon.data.join("journal.db")).expect("a database");
        journal
            .execute_batch(
                "DELETE FROM places;
                 INSERT INTO names VALUES ('tool', 'B'), ('tool', 'C'), ('tool', 'D'),
                     ('agent', 'zorp'), ('type', 'tester');",
            )
            .expect("as the older version left it");
    }
    daemon.restart();
    let before = [("B", "1"), ("C", "1"), ("D", "1"), ("_other", "1")];
    are(&daemon, yesterday_ms, &before);
    daemon.accept(&[stop("t1", "zorp", "tester", &texts(["A", "E"]), now_ms)]);
    daemon.accept(&[stop("t2", "zorp", "tester", &texts(["D"]), now_ms)]);
    for round in 0..2 {
        are(&daemon, yesterday_ms, &before);
        are(&daemon, now_ms, &[("D", "1"), ("_other", "2")]);
        if round == 0 {
            rebuild(&daemon);
        }
    }
}

#[test]
fn a_start_reads_nothing_that_grows_with_names() {
    let mut daemon = setup().start();
    daemon.accept(&junk("today", now_ms() - 1_000));
    assert!(daemon.sigterm().success());
    let path = daemon.data.join("history.db");
    let rename = |from: &str, to: &str| {
        let history = Connection::open(&path).expect("a database");
        for table in ["tallies", "tools"] {
            let sql = format!("ALTER TABLE {table}{from} RENAME TO {table}{to}");
            history.execute_batch(&sql).expect("a table");
        }
    };
    rename("", "_hidden");
    daemon.restart();
    assert!(daemon.sigterm().success());
    rename("_hidden", "");
    daemon.restart();
    let told = eventually("the names are there", || {
        daemon.read("/api/agents/performance/_other")
    });
    assert_eq!(told["total_executions"], 6);
}
