//! Many definitions: what is read of them, and how often, is counted.

use std::fs;

use super::home::{Home, agents, counter, definition, refresh, write};
use crate::harness::{eventually, now_ms};

const AGENTS: u64 = 4_462;
const WATCHED_MS: i64 = 3_000;

#[test]
fn each_file_is_read_once_until_it_changes() {
    let home = Home::new();
    for n in 0..AGENTS {
        let folder = home.user().join(format!("{}", n % 100));
        write(&folder, &format!("a{n}"), &definition(&format!("a{n}"), ""));
    }
    let daemon = home.setup().start();
    let stats = daemon.read("/registry/stats").expect("an answer");
    assert_eq!(stats["agent_counts"]["total"], AGENTS, "{stats}");
    assert_eq!(stats["watch"]["mode"], "watch", "{stats}");
    let read = || counter(&daemon, "registry_files_read");
    let scans = || counter(&daemon, "registry_scans");
    // What was written right before a scan may have changed once more without a mark.
    eventually("nothing is left to read", || {
        let before = read();
        refresh(&daemon);
        match read() - before {
            0 => Ok(()),
            again => Err(format!("{again} were read again")),
        }
    });
    assert!(read() >= AGENTS);
    // Nobody changes anything: nothing is scanned, and to scan is no reason to scan.
    let (before, began_ms) = (scans(), now_ms());
    eventually("it was watched for long enough", || {
        // The client writes beside its definitions all the time.
        fs::write(home.path(".claude/history.jsonl"), "x").expect("a file");
        let watched_ms = now_ms() - began_ms;
        (watched_ms >= WATCHED_MS)
            .then_some(())
            .ok_or(format!("{watched_ms} ms"))
    });
    assert_eq!(scans(), before);

    let before = read();
    write(
        &home.user().join("7"),
        "a7",
        &definition("a7", "color: red\n"),
    );
    eventually("the change is there", || {
        let found = agents(&daemon, "&q=a7.");
        let is_there = found.iter().any(|agent| agent["config"]["color"] == "red");
        is_there.then_some(()).ok_or(format!("{found:?}"))
    });
    refresh(&daemon);
    let again = read() - before;
    assert!(
        (1..=6).contains(&again),
        "{again} files were read for one that changed"
    );

    // So many changes are not kept.
    let expired = daemon.get("/registry/changes?since=0");
    assert_eq!(expired.status, 410, "{}", expired.text());

    // A page is cut out of all.
    let page = daemon
        .read("/registry/agents?limit=3&offset=4460")
        .expect("a page");
    assert_eq!(page["total"], AGENTS);
    assert_eq!(page["agents"].as_array().map(Vec::len), Some(2));
    fs::remove_dir_all(home.user()).expect("it goes");
    refresh(&daemon);
    let page = daemon.read("/registry/agents").expect("a page");
    assert_eq!(page["total"], 0);
}
