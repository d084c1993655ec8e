//! A daemon that takes no events says so wherever it is asked, and takes it back by itself.

use std::fs;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::harness::events::stops;
use crate::harness::scrape::Scrape;
use crate::harness::{Daemon, Redis, Setup, eventually, folder};
use crate::operate::systemd::Manager;
use crate::promises::{Load, fill};

fn is_ready(daemon: &Daemon) -> Result<(), String> {
    let told = daemon.get("/ready");
    (told.status == 200)
        .then_some(())
        .ok_or_else(|| told.text())
}

/// The reason, as `/ready` gives it.
fn is_blocked(daemon: &Daemon) -> Result<String, String> {
    let told = daemon.get("/ready");
    let why = told.json()["error"]["message"].clone();
    match why.as_str() {
        Some(why) if why.starts_with("no event is taken: ") => Ok(why.to_owned()),
        _ => Err(told.text()),
    }
}

/// Also the health report, the commands and the metrics give it.
fn says_so_everywhere(daemon: &Daemon, why: &str) {
    eventually("the health report", || {
        let told = daemon.get("/api/system/health").json();
        let journal = &told["checks"]["journal"];
        let is_told = told["status"] == "failed" && journal["reason"] == why;
        is_told.then_some(()).ok_or(format!("{told:#}"))
    });
    let status = daemon.command(&["status", "--json"]).stdout;
    let status: Value = serde_json::from_slice(&status).expect("JSON");
    assert_eq!(status["ready"], false);
    assert_eq!(status["not_ready"], why);
    let doctor = daemon.command(&["doctor"]).stdout;
    let doctor = String::from_utf8_lossy(&doctor).into_owned();
    assert!(doctor.contains(why), "{doctor}");
    eventually("the metrics", || {
        let scrape = Scrape::of(daemon);
        let ready = scrape.get("agentpulse_ready", &[]);
        (ready == 0.0).then_some(()).ok_or(scrape.text)
    });
    // It lives: a restart would repair nothing.
    assert_eq!(daemon.get("/health").status, 200);
}

#[test]
fn a_full_disk_is_told_until_there_is_room_again() {
    let redis = Redis::start();
    let place = folder();
    let mut manager = Manager::at(place.path().join("notify"));
    let setup = Setup::new().redis(&redis);
    let setup = setup.environment("NOTIFY_SOCKET", &manager.path.display().to_string());
    let Some(setup) = setup.on_a_disk_of_mib(32) else {
        eprintln!("SKIPPED: a small disk can only be made by root");
        return;
    };
    let daemon = setup.start();
    manager.hears("READY=1");
    let filler = daemon.data.join("filler");
    fill(&filler);
    let mut lines = stops("large", 600);
    for line in &mut lines {
        line["error_details"] = json!({"message": "m".repeat(4_000)});
    }
    let body: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let post = || daemon.request("POST", "/api/agents/events", &[], body.as_bytes());
    assert_eq!(post().status, 503);
    let why = eventually("it is not ready", || is_blocked(&daemon));
    assert!(
        why.ends_with("the journal cannot be written: its disk is full"),
        "{why}"
    );
    says_so_everywhere(&daemon, &why);
    manager.hears(&format!("STATUS=not ready: {why}"));
    fs::remove_file(&filler).expect("our own file");
    // Nobody sends anything meanwhile.
    eventually("it is ready again", || is_ready(&daemon));
    manager.hears("STATUS=accepts events");
    assert_eq!(post().status, 200);
    assert_eq!(daemon.get("/ready").status, 200);
}

#[test]
fn a_journal_that_another_process_holds_is_told() {
    let daemon = Setup::new().start();
    let other = Connection::open(daemon.data.join("journal.db")).expect("the database");
    other
        .execute_batch("BEGIN IMMEDIATE")
        .expect("nobody else holds it");
    let load = Load::start(&daemon.socket(), &stops("held", 1), 1);
    let why = eventually("it is not ready", || is_blocked(&daemon));
    // On a busy machine the commit has given up before it is asked.
    let reasons = [
        "a commit to the journal takes more than",
        "the journal cannot be written",
    ];
    assert!(reasons.iter().any(|reason| why.contains(reason)), "{why}");
    // It waits neither for the lock nor for what the daemon itself would write meanwhile.
    let body = serde_json::to_vec(&stops("late", 1)).expect("JSON");
    let told = daemon.request("POST", "/api/agents/events", &[], &body);
    assert_eq!(told.status, 503, "{}", told.text());
    other.execute_batch("ROLLBACK").expect("it is held");
    eventually("it is ready again", || is_ready(&daemon));
    load.finish();
}
