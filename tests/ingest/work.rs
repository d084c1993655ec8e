//! How much work a burst is. Work is counted and not timed, so that the numbers are nearly the same
//! on every machine; each bound is a fifth above what is needed today, and that of commits, whose
//! size depends on the machine, above the most that was seen.

use std::fs;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

use crate::harness::{Daemon, Redis, Run, Setup, eventually, now_ms};

const EVENTS: usize = 10_000;
/// Today 11 to 17, on a slow disk and on none: a commit takes all that waits.
const MAX_COMMITS: i64 = 24;
/// Today 11: with a backlog a script applies 1,024 changes.
const MAX_SCRIPTS: u64 = 15;
/// Today 55,300 changes of keys and their fields.
const MAX_REDIS_WRITES: u64 = 66_000;
/// Today 8,127,000, mostly the arguments of the scripts.
const MAX_BYTES_TO_REDIS: u64 = 9_800_000;
/// Today 2,990,000 and 4,411,000: of the files once the daemon has ended, and their logs with it.
const MAX_JOURNAL_BYTES: u64 = 3_600_000;
const MAX_HISTORY_BYTES: u64 = 5_300_000;

/// What the daemon has done so far.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Work {
    /// The number of the newest row of the journal.
    journaled: i64,
    scripts: u64,
    /// Changes of keys.
    redis_writes: u64,
    bytes_to_redis: u64,
}

impl Work {
    fn of(daemon: &Daemon, redis: &Redis) -> Work {
        let journaled = number(
            &daemon.data.join("journal.db"),
            "SELECT seq FROM sqlite_sequence WHERE name = 'journal'",
        );
        Work {
            journaled: journaled.expect("a journal"),
            scripts: info(redis, "commandstats", "cmdstat_evalsha:calls="),
            redis_writes: info(redis, "persistence", "rdb_changes_since_last_save:"),
            bytes_to_redis: info(redis, "stats", "total_net_input_bytes:"),
        }
    }
}

fn number(file: &Path, sql: &str) -> rusqlite::Result<i64> {
    let file = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    file.query_row(sql, [], |row| row.get(0))
}

/// Changes of one commit are accepted at the same millisecond, and commits take longer than one.
fn commits(daemon: &Daemon) -> rusqlite::Result<i64> {
    let sql = "SELECT count(DISTINCT at_ms) FROM journal";
    number(&daemon.data.join("journal.db"), sql)
}

/// The number behind `name` in a section of INFO; 0 where it is not there.
fn info(redis: &Redis, section: &str, name: &str) -> u64 {
    let text = redis.run(&["INFO", section]).text();
    let rest = text.lines().find_map(|line| line.strip_prefix(name));
    let digits = rest.map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next());
    digits
        .flatten()
        .map_or(0, |digits| digits.parse().expect("a number"))
}

/// Of a database and what lies beside it.
fn file_bytes(daemon: &Daemon, name: &str) -> u64 {
    let files = fs::read_dir(&daemon.data).expect("the data folder");
    let files = files.map(|file| file.expect("a file"));
    let named = files.filter(|file| file.file_name().to_string_lossy().starts_with(name));
    named
        .map(|file| file.metadata().expect("it lies there").len())
        .sum()
}

/// Until both views have applied this row of the journal.
fn wait_applied(daemon: &Daemon, redis: &Redis, seq: i64) {
    eventually("the live view has all", || {
        let cursor = redis.run(&["GET", "journal:cursor"]).text();
        let is_there = cursor.ends_with(&format!(":{seq}"));
        is_there.then_some(()).ok_or(cursor)
    });
    eventually("the history has all", || {
        let file = daemon.data.join("history.db");
        let at = number(&file, "SELECT seq FROM cursor").map_err(|e| e.to_string())?;
        (at == seq).then_some(()).ok_or(at.to_string())
    });
}

fn burst(now_ms: i64) -> Vec<Value> {
    let stop = |n: usize| {
        Run::new(format!("run-{n}"))
            .agent(format!("agent-{}", n % 20))
            .with("session_id", format!("session-{}", n % 100))
            .ended(now_ms - n as i64)
            .took(n)
            .called(json!({(format!("Tool{}", n % 10)): 1}))
            .stop()
    };
    (0..EVENTS).map(stop).collect()
}

#[test]
fn a_burst_takes_few_commits_scripts_and_bytes_and_its_repetition_writes_nothing() {
    let redis = Redis::start();
    // The check of Redis runs scripts, too.
    let setup = Setup::new().set("redis.check_interval", "\"1h\"");
    let mut daemon = setup.redis(&redis).start();
    let lines = burst(now_ms());

    // With a backlog the size of the scripts does not depend on the machine.
    let idle = Work::of(&daemon, &redis);
    redis.pause();
    daemon.accept(&lines);
    redis.resume();
    wait_applied(&daemon, &redis, EVENTS as i64);
    let once = Work::of(&daemon, &redis);
    let commits = commits(&daemon).expect("a journal");
    let scripts = once.scripts - idle.scripts;
    let writes = once.redis_writes - idle.redis_writes;
    assert!(commits <= MAX_COMMITS, "{commits} commits");
    assert!(scripts <= MAX_SCRIPTS, "{scripts} scripts");
    assert!(writes <= MAX_REDIS_WRITES, "{writes} writes to Redis");
    let bytes = once.bytes_to_redis - idle.bytes_to_redis;
    assert!(bytes <= MAX_BYTES_TO_REDIS, "{bytes} bytes to Redis");

    let (_, answer) = daemon.send(&lines);
    assert_eq!(answer.totals.duplicate, EVENTS as u64);
    // What the repetition made of the views would come before what one more event makes of them.
    daemon.accept(&[Run::new("last").ended(now_ms()).stop()]);
    wait_applied(&daemon, &redis, EVENTS as i64 + 1);
    let twice = Work::of(&daemon, &redis);
    assert_eq!(twice.journaled, once.journaled + 1);
    assert_eq!(twice.scripts, once.scripts + 1);
    let writes = twice.redis_writes - once.redis_writes;
    assert!(writes <= 20, "{writes} writes to Redis for one event");

    assert!(daemon.sigterm().success());
    let [journal, history] = ["journal.db", "history.db"].map(|name| file_bytes(&daemon, name));
    assert!(
        journal <= MAX_JOURNAL_BYTES && history <= MAX_HISTORY_BYTES,
        "{journal} bytes of the journal, {history} of the history"
    );
}
