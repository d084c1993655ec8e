//! P15: a backup that is made under load, put into an empty folder, answers everything as before;
//! a damaged, torn or newer one is refused; `--keep n` keeps n.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::thread;

use serde_json::Value;

use super::{arrivals, sized};
use crate::check;
use crate::harness::events::stop;
use crate::harness::{Daemon, Setup, deliver, eventually, now_ms};
use crate::model::load::shuffled;
use crate::model::{Arrival, World};

fn backup_command(daemon: &Daemon, to: &Path, keep: &str) -> Output {
    let to = to.to_str().expect("a short path");
    daemon.command(&["backup", to, "--keep", keep])
}

fn says(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[track_caller]
fn ends_with(output: &Output, code: i32, word: &str) {
    let said = says(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.contains(word), "{word} is not in: {said}");
}

fn backups(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder of backups");
    let mut files: Vec<PathBuf> = entries.map(|e| e.expect("an entry").path()).collect();
    files.sort();
    files
}

/// Reads that carry no present time; the order of their rows counts as well. The last errors are
/// left out: of events that come in any order, the live list has the last that came, and one that
/// was rebuilt the last that ended.
const READS: [&str; 8] = [
    "/api/agents/executions?limit=100",
    "/api/agents/executions?limit=100&status=failure",
    "/api/agents/costs?by=session&days=90",
    "/api/agents/costs?by=model&days=90",
    "/api/agents/metrics/daily?days=90",
    "/api/agents/performance/zorp?days=90",
    "/api/agents/tools/usage?period=month",
    "/api/sessions?limit=100",
];

fn answers(daemon: &Daemon) -> Vec<Value> {
    let read = |path: &&str| daemon.read(path).expect("an answer");
    READS.iter().map(read).collect()
}

/// The first place in which two answers differ, and what stands there.
fn difference(place: &str, one: &Value, other: &Value) -> Option<String> {
    let inner = |(key, a, b): (String, &Value, &Value)| difference(&format!("{place}.{key}"), a, b);
    match (one, other) {
        (one, other) if one == other => None,
        (Value::Object(a), Value::Object(b)) if a.keys().eq(b.keys()) => a
            .iter()
            .find_map(|(key, value)| inner((key.clone(), value, &b[key]))),
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            (0..a.len()).find_map(|n| inner((n.to_string(), &a[n], &b[n])))
        }
        (one, other) => Some(format!("{place}: {one} and {other}")),
    }
}

#[track_caller]
fn same_answers(daemon: &Daemon, before: &[Value]) {
    for (path, (now, before)) in READS.iter().zip(answers(daemon).iter().zip(before)) {
        assert_eq!(difference(path, now, before), None);
    }
}

/// A daemon that prunes its journal as hard as it can.
fn setup() -> Setup {
    Setup::new()
        .set("journal.keep_rows", "1")
        .set("journal.keep", "\"1s\"")
        .set("history.flush_interval", "\"100ms\"")
}

#[test]
fn p15_a_backup_under_load_answers_as_before() {
    let mut daemon = setup().start();
    let folder = daemon.folder.path().join("b");
    fs::create_dir(&folder).expect("a folder");
    let at_ms = now_ms();
    let lines = shuffled(sized(4_000, 60_000), at_ms);
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let sender = {
        let (socket, lines) = (daemon.socket(), lines.clone());
        let acknowledged = acknowledged.clone();
        thread::spawn(move || deliver(&socket, &lines, &acknowledged))
    };
    let mut under_load = 0;
    while !sender.is_finished() {
        let made = backup_command(&daemon, &folder, "3");
        assert!(made.status.success(), "{}", says(&made));
        under_load += 1;
    }
    sender.join().expect("every line was acknowledged");
    assert!(under_load > 1, "there was a load to back up under");
    let world = World::of(&arrivals(&lines, at_ms));
    check::everywhere(&daemon, &world);
    let before = answers(&daemon);
    let made = backup_command(&daemon, &folder, "3");
    assert!(made.status.success(), "{}", says(&made));
    let kept = backups(&folder);
    assert_eq!(kept.len(), 3.min(under_load + 1), "{kept:?}");
    let mode = fs::metadata(&kept[0]).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(daemon.sigterm().code(), Some(0));

    for (n, file) in kept.iter().enumerate() {
        let is_last = n + 1 == kept.len();
        fs::remove_dir_all(&daemon.data).expect("our own folder");
        let restored = daemon.command(&["restore", file.to_str().expect("a short path")]);
        assert!(restored.status.success(), "{}", says(&restored));
        daemon.restart();
        if is_last {
            check::everywhere(&daemon, &world);
            same_answers(&daemon, &before);
        }
        // What came after the backup is new to it and counts; what it has, does not count again.
        deliver(&daemon.socket(), &lines, &acknowledged);
        check::everywhere(&daemon, &world);
        assert_eq!(daemon.sigterm().code(), Some(0));
    }
}

/// Between the copies of the two databases, history goes on and the journal is pruned.
#[test]
fn p15_the_journal_is_held_between_the_copies() {
    if !cfg!(debug_assertions) {
        eprintln!("skipped: a release build has no crash points");
        return;
    }
    let own = crate::harness::folder();
    let gate = own.path().join("gate");
    fs::write(&gate, "").expect("a file");
    let place = format!("history.db@{}", gate.display());
    let mut daemon = setup().crash_at(&place).start();
    let at_ms = now_ms();
    let lines = shuffled(900, at_ms);
    daemon.send(&lines[..300]);
    let file = own.path().join("one.tar");
    let to = file.to_str().expect("a short path");
    let made = thread::scope(|scope| {
        let made = scope.spawn(|| daemon.command(&["backup", to]));
        // The copy of history is there before the daemon comes to the failpoint.
        let copy = own.path().join("one.tar.partial").join("history.db");
        eventually("history is copied", || {
            copy.exists().then_some(()).ok_or(String::new())
        });
        for part in lines[300..].chunks(100) {
            daemon.send(part);
            assert!(daemon.command(&["prune"]).status.success());
        }
        check::everywhere(&daemon, &World::of(&arrivals(&lines, at_ms)));
        fs::remove_file(&gate).expect("our own file");
        made.join().expect("the backup ends")
    });
    assert!(made.status.success(), "{}", says(&made));
    assert_eq!(daemon.sigterm().code(), Some(0));
    let restored = daemon.command(&["restore", to, "--force"]);
    assert!(restored.status.success(), "{}", says(&restored));
    daemon.restart();
    check::everywhere(&daemon, &World::of(&arrivals(&lines, at_ms)));
}

/// A daemon with one event, a backup of that, and the backup's content.
fn backed_up() -> (Daemon, PathBuf, Vec<u8>, Vec<Arrival>) {
    let daemon = setup().start();
    let all = daemon.accept(&[stop("a")]);
    check::everywhere(&daemon, &World::of(&all));
    let file = daemon.folder.path().join("one.tar");
    let made = daemon.command(&["backup", file.to_str().expect("a short path")]);
    assert!(made.status.success(), "{}", says(&made));
    let bytes = fs::read(&file).expect("the backup");
    (daemon, file, bytes, all)
}

#[test]
fn p15_what_is_no_whole_backup_of_this_version_is_refused() {
    let (mut daemon, file, whole, all) = backed_up();
    let restore = |daemon: &Daemon, force: bool| {
        let mut arguments = vec!["restore", file.to_str().expect("a short path")];
        arguments.extend(force.then_some("--force"));
        daemon.command(&arguments)
    };
    ends_with(&restore(&daemon, true), 75, "already runs");
    assert_eq!(daemon.sigterm().code(), Some(0));
    ends_with(&restore(&daemon, false), 73, "--force");

    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    let text = String::from_utf8_lossy(&whole[512..1536]).replace(": 4,\n", ": 9,\n");
    let newer = [&whole[..512], text.as_bytes(), &whole[1536..]].concat();
    let cases = [
        (flipped, "is damaged"),
        (whole[..whole.len() - 4000].to_vec(), "is torn"),
        (newer, "newer version"),
        (b"something else".repeat(1000), "is no backup"),
    ];
    for (bytes, words) in cases {
        fs::write(&file, bytes).expect("our own file");
        ends_with(&restore(&daemon, true), 65, words);
        // What was there is as it was.
        daemon.restart();
        check::everywhere(&daemon, &World::of(&all));
        assert_eq!(daemon.sigterm().code(), Some(0));
    }
}

#[test]
fn p15_a_live_picture_of_what_came_after_the_backup_is_made_anew() {
    let (mut daemon, file, _, all) = backed_up();
    let later = daemon.accept(&[stop("b"), stop("c")]);
    let both: Vec<Arrival> = all.iter().chain(&later).cloned().collect();
    check::everywhere(&daemon, &World::of(&both));
    assert_eq!(daemon.sigterm().code(), Some(0));
    for _ in 0..2 {
        let path = file.to_str().expect("a short path");
        let restored = daemon.command(&["restore", path, "--force"]);
        assert!(restored.status.success(), "{}", says(&restored));
        daemon.restart();
        check::everywhere(&daemon, &World::of(&all));
        // As many as were there before: the same numbers now stand for other events.
        let mut others = all.clone();
        others.extend(daemon.accept(&[stop("d"), stop("e")]));
        check::everywhere(&daemon, &World::of(&others));
        assert_eq!(daemon.sigterm().code(), Some(0));
    }
}

fn trail(daemon: &Daemon) -> Vec<Value> {
    let told = daemon.command(&["audit", "--json"]);
    assert!(told.status.success(), "{}", says(&told));
    let told: Value = serde_json::from_slice(&told.stdout).expect("JSON");
    let mut rows = told["audit"].as_array().expect("a list").clone();
    rows.reverse();
    rows
}

fn actions(rows: &[Value]) -> Vec<&str> {
    rows.iter()
        .filter_map(|row| row["action"].as_str())
        .collect()
}

/// On a new machine the trail goes on where it was; where there is one, it is never made shorter,
/// and a key that was revoked stays so.
#[test]
fn p15_keys_and_the_audit_trail_come_back_and_lose_nothing() {
    let mut daemon = setup().start();
    let key = |daemon: &Daemon, name: &str| {
        let made = daemon.command(&["key", "create", name]);
        assert!(made.status.success(), "{}", says(&made));
        String::from_utf8(made.stdout)
            .expect("UTF-8")
            .trim()
            .to_owned()
    };
    let opens = |daemon: &Daemon, key: &str| {
        let bearer = format!("Bearer {key}");
        let path = "/api/agents/active";
        daemon
            .request("GET", path, &[("authorization", &bearer)], b"")
            .status
    };
    let one = key(&daemon, "one");
    let file = daemon.folder.path().join("one.tar");
    let path = file.to_str().expect("a short path").to_owned();
    let made = daemon.command(&["backup", &path]);
    assert!(made.status.success(), "{}", says(&made));
    assert!(daemon.command(&["key", "revoke", "one"]).status.success());
    let two = key(&daemon, "two");
    let before = trail(&daemon);
    assert_eq!(
        actions(&before),
        ["key_created", "backup", "key_revoked", "key_created"]
    );
    assert_eq!(daemon.sigterm().code(), Some(0));

    let restored = daemon.command(&["restore", &path, "--force"]);
    assert!(
        String::from_utf8_lossy(&restored.stdout)
            .contains("existing API keys and audit trail stay")
    );
    daemon.restart();
    let after = trail(&daemon);
    assert_eq!(after[..before.len()], before);
    assert_eq!(actions(&after[before.len()..])[0], "restore");
    assert_eq!((opens(&daemon, &one), opens(&daemon, &two)), (401, 200));
    assert_eq!(daemon.sigterm().code(), Some(0));

    fs::remove_dir_all(&daemon.data).expect("our own folder");
    let restored = daemon.command(&["restore", &path]);
    assert!(String::from_utf8_lossy(&restored.stdout).contains("its API keys are valid again"));
    daemon.restart();
    let anew = trail(&daemon);
    assert_eq!(anew[..1], before[..1]);
    assert_eq!(actions(&anew)[..2], ["key_created", "restore"]);
    assert_eq!((opens(&daemon, &one), opens(&daemon, &two)), (200, 401));
}

#[test]
fn p15_a_backup_without_a_daemon_and_of_nothing() {
    let (mut daemon, file, _, all) = backed_up();
    assert_eq!(daemon.sigterm().code(), Some(0));
    let made = daemon.command(&["backup"]);
    assert!(made.status.success(), "{}", says(&made));
    let own = backups(&daemon.data.join("backups"));
    assert_eq!(own.len(), 1, "{own:?}");
    let other = daemon.folder.path().join("one-more.tar");
    let other = other.to_str().expect("a short path");
    ends_with(
        &daemon.command(&["backup", other, "--keep", "1"]),
        1,
        "folder",
    );
    fs::rename(&own[0], &file).expect("our own file");
    fs::remove_dir_all(&daemon.data).expect("our own folder");
    ends_with(&daemon.command(&["backup", other]), 1, "nothing to back up");
    let restored = daemon.command(&["restore", file.to_str().expect("a short path")]);
    assert!(restored.status.success(), "{}", says(&restored));
    daemon.restart();
    check::everywhere(&daemon, &World::of(&all));
}
