//! P7: a disk that is full, a database that another process holds, a damaged page: nothing is
//! acknowledged that is not kept, the error says what to do, and room alone repairs what is full.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::{Value, json};

use super::{Load, arrivals, equals, fill, sized};
use crate::check;
use crate::check::over_http;
use crate::harness::events::stops;
use crate::harness::wire::totals;
use crate::harness::{Daemon, Redis, Setup, eventually, log_path, now_ms};
use crate::model::load::shuffled;
use crate::model::{Totals, World};

const PAGE_BYTES: usize = 4_096;

fn takes_nothing(daemon: &Daemon, probe: &Value) -> Result<(), String> {
    let body = format!("{probe}\n");
    let headers = [("content-type", "application/x-ndjson")];
    let answer = daemon.request("POST", "/api/agents/events", &headers, body.as_bytes());
    (answer.status == 503)
        .then_some(())
        .ok_or(format!("{} {}", answer.status, answer.text()))
}

#[test]
fn p07_a_full_disk_acknowledges_nothing_and_room_alone_mends_it() {
    let redis = Redis::start();
    let Some(setup) = Setup::new().redis(&redis).on_a_disk_of_mib(32) else {
        eprintln!("SKIPPED: a small disk can only be made by root");
        return;
    };
    let daemon = setup.start();
    let at_ms = now_ms();
    let lines = shuffled(sized(2_000, 10_000), at_ms);
    let (mut sent, _) = daemon.send(&lines[..200]);
    equals(&daemon, &redis, &World::of(&sent));

    let filler = daemon.data.join("filler");
    fill(&filler);
    let load = Load::start(&daemon.socket(), &lines[200..], 2);
    let probe = stops("probe", 1).remove(0);
    eventually("nothing is taken", || takes_nothing(&daemon, &probe));
    assert!(
        load.is_running(),
        "not all can be in the room that was left"
    );
    assert_eq!(daemon.get("/health").status, 200);
    let log = fs::read_to_string(log_path(&daemon.data)).expect("a log");
    assert!(log.contains("make room on its disk"), "{log}");

    fs::remove_file(&filler).expect("our own file");
    load.finish();
    sent.extend(arrivals(&lines[200..], at_ms));
    sent.extend(daemon.send(&[probe]).0);
    equals(&daemon, &redis, &World::of(&sent));
}

#[test]
fn p07_a_disk_that_fills_under_a_request_tells_what_was_taken() {
    let redis = Redis::start();
    let Some(setup) = Setup::new().redis(&redis).on_a_disk_of_mib(32) else {
        eprintln!("SKIPPED: a small disk can only be made by root");
        return;
    };
    let daemon = setup.start();
    let mut lines = stops("large", 600);
    for line in &mut lines {
        line["error_details"] = json!({"message": "m".repeat(4_000)});
    }
    let body: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let post = || daemon.request("POST", "/api/agents/events", &[], body.as_bytes());
    let filler = daemon.data.join("filler");
    fill(&filler);
    let file = File::options().write(true).open(&filler);
    let file = file.expect("our own file");
    let full = file.metadata().expect("a length").len();
    file.set_len(full - (1 << 20)).expect("room for some");
    // What is open takes its room, also when it is removed.
    drop(file);

    let told = post();
    assert_eq!(told.status, 503, "{}", told.text());
    let told = told.json();
    assert_eq!(told["error"]["code"], "interrupted", "{told}");
    let taken = totals(&told["totals"]).expect("totals");
    let some = taken.accepted;
    assert!((1..600).contains(&some), "{told}");
    let only = Totals {
        accepted: some,
        ..Totals::default()
    };
    assert_eq!(taken, only);

    fs::remove_file(&filler).expect("our own file");
    let rest = post();
    assert_eq!(rest.status, 200, "{}", rest.text());
    let whole = Totals {
        accepted: 600 - some,
        duplicate: some,
        ..Totals::default()
    };
    assert_eq!(totals(&rest.json()), Some(whole));
}

#[test]
fn p07_a_database_that_another_process_holds_costs_only_time() {
    let daemon = Setup::new()
        .set("history.flush_interval", "\"200ms\"")
        .start();
    let at_ms = now_ms();
    let lines = shuffled(600, at_ms);
    let mut sent = 0;
    for file in ["journal.db", "history.db"] {
        let other = Connection::open(daemon.data.join(file)).expect("the database");
        other
            .execute_batch("BEGIN IMMEDIATE")
            .expect("nobody else holds it");
        let held = Instant::now();
        let part = &lines[sent..sent + 300];
        let load = Load::start(&daemon.socket(), part, 2);
        let holds = sized(Duration::from_secs(3), Duration::from_secs(30));
        eventually("it was held for long enough", || {
            assert_eq!(daemon.get("/api/agents/metrics/current").status, 200);
            let acknowledged = load.acknowledged();
            assert!(file != "journal.db" || acknowledged == 0, "{acknowledged}");
            (held.elapsed() >= holds).then_some(()).ok_or(String::new())
        });
        other.execute_batch("ROLLBACK").expect("it is held");
        load.finish();
        sent += part.len();
        check::everywhere(&daemon, &World::of(&arrivals(&lines[..sent], at_ms)));
    }
}

/// A page of nothing that a database writes.
fn damage(path: &Path, page: usize) {
    let mut file = File::options()
        .write(true)
        .open(path)
        .expect("the database");
    let at = (page * PAGE_BYTES) as u64;
    file.seek(SeekFrom::Start(at)).expect("a file");
    file.write_all(&[0x5a; PAGE_BYTES]).expect("our own file");
}

/// Starts on damaged data: it refuses to, or stops when it meets the damage, or the damage lies
/// where nothing is; never a wrong number.
fn meets_damage(daemon: &mut Daemon, lines: &[Value], world: &World, what: &str) -> bool {
    daemon.respawn();
    let code = match daemon.wait_ready_or_end() {
        Some(status) => status.code(),
        None => {
            // Every execution is looked up, and every answer asked for.
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            let told = crate::harness::wire::tell(&daemon.socket(), text.as_bytes());
            let totals = told.map(|answer| answer.totals).unwrap_or_default();
            assert_eq!(totals.accepted, 0, "{what}: a duplicate was counted");
            if totals.handled() == lines.len() as u64 {
                let differs = over_http(daemon, world).err();
                let is_wrong = differs.as_ref().is_some_and(|why| why.contains("expected"));
                assert!(!is_wrong, "{what}: {differs:?}");
                None
            } else {
                daemon.wait_end().code()
            }
        }
    };
    let Some(code) = code else { return false };
    let log = fs::read_to_string(log_path(&daemon.data)).expect("a log");
    assert_eq!(code, 65, "{what}: {log}");
    let last = log.lines().last().unwrap_or_default();
    assert!(last.contains("agentpulse restore"), "{what}: {last}");
    true
}

#[test]
fn p07_damage_is_refused_with_the_way_out() {
    let mut daemon = Setup::new().start();
    let at_ms = now_ms();
    let lines = shuffled(sized(600, 3_000), at_ms);
    let (sent, _) = daemon.send(&lines);
    let world = World::of(&sent);
    check::everywhere(&daemon, &world);
    assert_eq!(daemon.sigterm().code(), Some(0));
    let mut refused = 0;
    for name in ["history.db", "journal.db"] {
        let path = daemon.data.join(name);
        let whole = fs::read(&path).expect("the database");
        let pages = whole.len() / PAGE_BYTES;
        let step = pages.div_ceil(sized(4, 40));
        for page in (0..pages).step_by(step) {
            damage(&path, page);
            let what = format!("page {page} of {pages} of {name}");
            refused += usize::from(meets_damage(&mut daemon, &lines, &world, &what));
            daemon.kill9();
            for ending in ["-wal", "-shm"] {
                let _ = fs::remove_file(daemon.data.join(format!("{name}{ending}")));
            }
            fs::write(&path, &whole).expect("our own file");
        }
    }
    assert!(
        refused >= 2,
        "the first page of either is needed: {refused}"
    );
    daemon.restart();
    check::everywhere(&daemon, &world);
}

#[test]
fn p07_a_history_that_is_no_database_exits_65() {
    let mut daemon = Setup::new().start();
    assert_eq!(daemon.sigterm().code(), Some(0));
    for file in ["history.db-wal", "history.db-shm"] {
        let _ = fs::remove_file(daemon.data.join(file));
    }
    fs::write(daemon.data.join("history.db"), vec![b'?'; 64 * 1024]).expect("our own folder");
    let exit = daemon.setup.run_to_exit(&daemon.data);
    assert_eq!(exit.code, Some(65), "{}", exit.log);
}
