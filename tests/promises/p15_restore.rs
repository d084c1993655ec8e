//! P15, interrupted: a restore that is killed in any of its steps leaves the old data or the new
//! ones, whole. The steps are failpoints of a debug build; a release build has none.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rusqlite::Connection;
use rustix::process::Signal;
use serde_json::Value;

use crate::check;
use crate::harness::events::stop;
use crate::harness::{Daemon, Setup, wait_exit};
use crate::model::{Arrival, World};

/// Without `timeout`, which hides the signal that a program died of.
fn restore(daemon: &Daemon, file: &Path, crash_at: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agentpulse"));
    command.env("AGENTPULSE_CRASH_AT", crash_at);
    command.arg("restore").arg(file).arg("--force");
    command.arg("--data-dir").arg(&daemon.data);
    command.output().expect("it ends")
}

/// A daemon that has ended, a backup of its first event, and what it had then and at its end.
pub(super) fn stopped() -> (Daemon, PathBuf, Vec<Arrival>, Vec<Arrival>) {
    let mut daemon = Setup::new().start();
    let then = daemon.accept(&[stop("a")]);
    check::everywhere(&daemon, &World::of(&then));
    let file = daemon.folder.path().join("one.tar");
    let made = daemon.command(&["backup", file.to_str().expect("UTF-8")]);
    assert!(made.status.success(), "{made:?}");
    let mut all = then.clone();
    all.extend(daemon.accept(&[stop("b"), stop("c")]));
    check::everywhere(&daemon, &World::of(&all));
    assert_eq!(daemon.sigterm().code(), Some(0));
    (daemon, file, then, all)
}

pub(super) fn crashed(told: &Output, place: &str) {
    assert_eq!(
        told.status.signal(),
        Some(Signal::ABORT.as_raw()),
        "{place}: {told:?}"
    );
}

fn left(data: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(data).expect("the folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .filter(|path| path.to_string_lossy().contains("restore"))
        .collect()
}

pub(super) fn has_crash_points() -> bool {
    if !cfg!(debug_assertions) {
        eprintln!("skipped: a release build has no crash points");
    }
    cfg!(debug_assertions)
}

#[test]
fn p15_a_restore_that_is_killed_leaves_the_old_data_or_the_new_ones() {
    if !has_crash_points() {
        return;
    }
    let (mut daemon, file, then, all) = stopped();
    crashed(&restore(&daemon, &file, "restore.unpacked"), "unpacked");
    daemon.restart();
    check::everywhere(&daemon, &World::of(&all));
    let mut present = all;
    for place in [
        "restore.ready",
        "restore.placed:1",
        "restore.placed:2",
        "restore.done",
    ] {
        // What would be lost with the old data, so that the two differ.
        present.extend(daemon.accept(&[stop(place)]));
        check::everywhere(&daemon, &World::of(&present));
        assert_eq!(daemon.sigterm().code(), Some(0));
        crashed(&restore(&daemon, &file, place), place);
        daemon.restart();
        check::everywhere(&daemon, &World::of(&then));
        assert_eq!(left(&daemon.data), Vec::<PathBuf>::new(), "{place}");
        present = then.clone();
    }
}

#[test]
fn p15_a_restore_into_a_new_folder_that_is_killed_is_named_or_finished() {
    if !has_crash_points() {
        return;
    }
    let (mut daemon, file, then, _) = stopped();
    fs::remove_dir_all(&daemon.data).expect("our own folder");
    crashed(&restore(&daemon, &file, "restore.unpacked"), "unpacked");
    let exit = daemon.setup.run_to_exit(&daemon.data);
    assert_eq!(exit.code, Some(65), "{}", exit.log);
    assert!(
        exit.log.contains("`agentpulse restore FILE`"),
        "{}",
        exit.log
    );
    for place in ["restore.ready", "restore.placed:1", "restore.placed:3"] {
        crashed(&restore(&daemon, &file, place), place);
        daemon.restart();
        check::everywhere(&daemon, &World::of(&then));
        assert_eq!(left(&daemon.data), Vec::<PathBuf>::new(), "{place}");
        assert_eq!(daemon.sigterm().code(), Some(0));
        fs::remove_dir_all(&daemon.data).expect("our own folder");
    }
}

/// As the first version left it when it was killed between the old data and the new ones.
#[test]
fn p15_a_folder_without_history_beside_a_broken_restore_is_not_begun_anew() {
    let (mut daemon, file, then, _) = stopped();
    fs::create_dir(daemon.data.join("restore.partial")).expect("a folder");
    for name in ["history.db", "journal.db"] {
        fs::remove_file(daemon.data.join(name)).expect("our own");
    }
    for arguments in [&["rebuild", "--force"][..], &["backup"]] {
        let told = daemon.command(arguments);
        assert!(!told.status.success(), "{told:?}");
    }
    let exit = daemon.setup.run_to_exit(&daemon.data);
    assert_eq!(exit.code, Some(65), "{}", exit.log);
    assert!(!daemon.data.join("journal.db").exists());
    let told = daemon.command(&["restore", file.to_str().expect("UTF-8")]);
    assert!(told.status.success(), "{told:?}");
    daemon.restart();
    check::everywhere(&daemon, &World::of(&then));
}

/// A journal and a history as the first versions had them.
pub(super) fn make_old(data: &Path) {
    let run = |name: &str, sql: &str| {
        let done = Connection::open(data.join(name)).and_then(|conn| conn.execute_batch(sql));
        done.unwrap_or_else(|error| panic!("{name}: {error}"));
    };
    run(
        "journal.db",
        "DROP TABLE turns; DROP TABLE session_marks; DROP TABLE last_signs; DROP TABLE listened;
         DROP TABLE places; DROP TABLE deferred_turns; PRAGMA user_version = 1",
    );
    for (code, table, keys, more) in [
        (0, "hours", "bucket AS hour, key AS agent_type", ""),
        (1, "days", "bucket AS day", ""),
        (
            2,
            "agents",
            "bucket AS day, key AS agent_name",
            ", min_duration_ms, max_duration_ms, sketch",
        ),
        (3, "models", "bucket AS day, key AS model", ""),
        (4, "sessions", "bucket AS day, key AS session_id", ""),
    ] {
        let copy = format!(
            "CREATE TABLE {table} AS SELECT {keys}, execution_count, success_count, failure_count,
                 timeout_count, duration_count, total_duration_ms, input_tokens, output_tokens,
                 cache_read_tokens, cache_write_tokens, total_tokens, cost_micros,
                 unpriced_count{more}
             FROM tallies WHERE dimension = {code}"
        );
        run("history.db", &copy);
    }
    run(
        "history.db",
        "DROP TABLE tallies; DROP TABLE totals; DROP TABLE counters; DROP TABLE zone;
         DROP TABLE uncounted; DROP TABLE session_costs; DROP INDEX executions_of_session;
         DROP TABLE faceted_days; DROP TABLE facets; DROP TABLE facet_tallies;
         DROP TABLE facet_tools; DROP TABLE facet_pairs;
         PRAGMA user_version = 2",
    );
}

#[test]
fn p15_a_start_that_is_killed_while_it_brings_databases_forward_begins_again() {
    if !has_crash_points() {
        return;
    }
    let (mut daemon, _, _, all) = stopped();
    let setup = daemon.setup.clone();
    // The keys come first, then the journal, then the history.
    for place in [
        "migrate.begin:2",
        "migrate.done:2",
        "migrate.begin:3",
        "migrate.done:3",
    ] {
        make_old(&daemon.data);
        let mut child = setup.clone().crash_at(place).spawn(&daemon.data);
        let status = wait_exit(&mut child);
        assert_eq!(status.signal(), Some(Signal::ABORT.as_raw()), "{place}");
        daemon.restart();
        check::everywhere(&daemon, &World::of(&all));
        assert_eq!(daemon.sigterm().code(), Some(0));
    }
}

#[test]
fn p15_a_restore_that_is_refused_leaves_a_journal_of_an_older_version_as_it_is() {
    let (daemon, file, _, _) = stopped();
    make_old(&daemon.data);
    let mut bytes = fs::read(&file).expect("the backup");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, bytes).expect("our own");
    let told = daemon.command(&["restore", "--force", file.to_str().expect("UTF-8")]);
    assert_eq!(told.status.code(), Some(65), "{told:?}");
    for (name, version) in [("journal.db", 1), ("history.db", 2)] {
        let conn = Connection::open(daemon.data.join(name)).expect("a database");
        let found = conn.query_row("PRAGMA user_version", [], |row| row.get(0));
        assert_eq!(found, Ok(version), "{name}");
    }
}

/// Commands that only read do not take the old data for those that count.
#[test]
fn p15_a_restore_that_is_killed_is_finished_before_its_data_are_read() {
    if !has_crash_points() {
        return;
    }
    let (daemon, file, _, _) = stopped();
    let export = || {
        let told = daemon.command(&["export", "--format", "jsonl"]);
        assert!(told.status.success(), "{told:?}");
        let lines = String::from_utf8(told.stdout).expect("UTF-8");
        let rows = lines.lines().map(|line| {
            let row: Value = serde_json::from_str(line).expect("JSON");
            row["agent_id"].as_str().expect("a text").to_owned()
        });
        rows.collect::<Vec<_>>()
    };
    assert_eq!(export().len(), 3);
    for place in ["restore.ready", "restore.placed:2"] {
        crashed(&restore(&daemon, &file, place), place);
        assert_eq!(export(), ["a"], "{place}");
        assert_eq!(left(&daemon.data), Vec::<PathBuf>::new());
        fs::remove_dir_all(&daemon.data).expect("our own folder");
    }
    crashed(&restore(&daemon, &file, "restore.ready"), "ready");
    for arguments in [&["key", "list"][..], &["audit"]] {
        let told = daemon.command(arguments);
        assert!(told.status.success(), "{told:?}");
    }
}

/// Beside the daemon each form of a path has the outcome that it has without one.
#[test]
fn p15_a_backup_beside_the_daemon_has_one_outcome_for_each_path() {
    let daemon = Setup::new().start();
    let at = |name: &str| daemon.folder.path().join(name).display().to_string();
    fs::write(at("notes"), "somebody's").expect("a file");
    for (to, code, word) in [
        ("new/", 0, "new/agentpulse-"),
        ("one.tar", 0, "one.tar"),
        ("one.tar", 0, "one.tar"),
        ("notes", 73, "is no backup"),
        ("notes/", 73, "notes"),
        ("none/one.tar", 73, "none/one.tar"),
        ("none/two/", 73, "none/two"),
    ] {
        let told = daemon.command(&["backup", &at(to)]);
        let said = String::from_utf8_lossy(&[told.stdout, told.stderr].concat()).into_owned();
        assert_eq!(told.status.code(), Some(code), "{to}: {said}");
        assert!(said.contains(word), "{to}: {said}");
    }
    assert_eq!(fs::read(at("notes")).expect("a file"), b"somebody's");
    let entries = fs::read_dir(daemon.folder.path()).expect("our own");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let mut left = names.filter(|name| name.to_string_lossy().contains("partial"));
    assert_eq!(left.next(), None);
}

/// What others put beside our tables would run with our own statements.
#[test]
fn p15_a_backup_with_a_schema_of_others_is_refused() {
    let (mut daemon, file, _, all) = stopped();
    let good = fs::read(daemon.data.join("journal.db")).expect("our own");
    let for_ever = "INSERT INTO names SELECT 'a', i FROM (
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n)";
    let trigger = format!("CREATE TRIGGER t AFTER INSERT ON epochs BEGIN {for_ever}; END");
    for (name, sql) in [
        ("journal.db", trigger.as_str()),
        ("history.db", "CREATE VIEW v AS SELECT 1"),
        (
            "access.db",
            "CREATE TRIGGER t AFTER INSERT ON keys BEGIN SELECT 1; END",
        ),
    ] {
        let path = daemon.data.join(name);
        let before = fs::read(&path).expect("our own");
        let changed = Connection::open(&path).and_then(|conn| conn.execute_batch(sql));
        changed.expect("an ordinary database");
        let made = daemon.command(&["backup", file.to_str().expect("UTF-8")]);
        assert!(made.status.success(), "{made:?}");
        fs::write(&path, before).expect("our own");
        let told = daemon.command(&["restore", "--force", file.to_str().expect("UTF-8")]);
        let said = String::from_utf8_lossy(&told.stderr);
        assert_eq!(told.status.code(), Some(65), "{name}: {said}");
        assert!(said.contains("no version of agentpulse makes"), "{said}");
        assert!(said.contains(name), "{said}");
    }
    assert_eq!(
        fs::read(daemon.data.join("journal.db")).expect("our own"),
        good
    );
    daemon.restart();
    check::everywhere(&daemon, &World::of(&all));
}
