//! P4: Redis emptied, restored from an older copy, replaced by a fresh one or by another daemon's:
//! every answer equals the one before, or a refusal names the way out.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::equals;
use crate::check;
use crate::check::{over_http, redis_keys};
use crate::harness::events::stops;
use crate::harness::{Exit, Redis, Setup, eventually, now_ms};
use crate::model::load::shuffled;
use crate::model::{Arrival, World, rfc3339};

#[test]
fn p04_an_emptied_redis_is_filled_again() {
    let daemon = Setup::new().start();
    let lines = shuffled(600, now_ms());
    let mut all = daemon.send(&lines[0..300]).0;
    check::everywhere(&daemon, &World::of(&all));
    daemon.redis(&["FLUSHALL"]);
    all.extend(daemon.send(&lines[300..600]).0);
    check::everywhere(&daemon, &World::of(&all));
}

#[test]
fn p04_a_redis_restored_from_an_older_copy_catches_up() {
    let mut redis = Redis::start();
    let mut daemon = Setup::new().redis(&redis).start();
    let lines = shuffled(600, now_ms());
    let (mut all, _) = daemon.send(&lines[..200]);
    equals(&daemon, &redis, &World::of(&all));
    redis.run(&["SAVE"]);
    all.extend(daemon.send(&lines[200..400]).0);
    equals(&daemon, &redis, &World::of(&all));
    redis.restart();
    all.extend(daemon.send(&lines[400..500]).0);
    equals(&daemon, &redis, &World::of(&all));
    assert_eq!(daemon.sigterm().code(), Some(0));
    redis.restart();
    daemon.restart();
    all.extend(daemon.send(&lines[500..]).0);
    equals(&daemon, &redis, &World::of(&all));
}

#[test]
fn p04_a_journal_older_than_its_redis_takes_redis_back_with_it() {
    let redis = Redis::start();
    let mut daemon = Setup::new().redis(&redis).start();
    let first = daemon.accept(&stops("a", 50));
    equals(&daemon, &redis, &World::of(&first));
    assert_eq!(daemon.sigterm().code(), Some(0));
    let copy = daemon.folder.path().join("copy");
    copy_files(&daemon.data, &copy);
    daemon.restart();
    let later = stops("b", 80);
    let both: Vec<Arrival> = first.iter().cloned().chain(daemon.accept(&later)).collect();
    equals(&daemon, &redis, &World::of(&both));
    assert_eq!(daemon.sigterm().code(), Some(0));
    fs::remove_dir_all(&daemon.data).expect("our own folder");
    fs::rename(&copy, &daemon.data).expect("our own folder");
    daemon.restart();
    equals(&daemon, &redis, &World::of(&first));
    // The restored daemon never saw them: they are new to it, and count once.
    daemon.accept(&later);
    equals(&daemon, &redis, &World::of(&both));
}

/// The files of a data folder; sockets and folders are created again by the daemon.
fn copy_files(from: &Path, to: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::create_dir(to).expect("a new folder");
    fs::set_permissions(to, fs::Permissions::from_mode(0o700)).expect("our own folder");
    for entry in fs::read_dir(from).expect("the data folder") {
        let entry = entry.expect("an entry");
        if entry.file_type().expect("its type").is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).expect("a copy");
        }
    }
}

#[test]
fn p04_a_fresh_redis_in_its_place_is_filled() {
    let mut redis = Redis::start();
    let daemon = Setup::new().redis(&redis).start();
    let lines = shuffled(600, now_ms());
    let (mut all, _) = daemon.send(&lines[..300]);
    equals(&daemon, &redis, &World::of(&all));
    // It gets no command to save: the next one at this address knows nothing.
    redis.restart();
    equals(&daemon, &redis, &World::of(&all));
    redis.kill();
    all.extend(daemon.send(&lines[300..]).0);
    redis.restart();
    equals(&daemon, &redis, &World::of(&all));
}

#[test]
fn p04_another_daemons_numbers_are_neither_shown_nor_touched() {
    let redis = Redis::start();
    let daemon = Setup::new().redis(&redis).start();
    let all = daemon.accept(&stops("a", 20));
    let world = World::of(&all);
    equals(&daemon, &redis, &world);
    redis.run(&["FLUSHALL"]);
    redis.run(&["SET", "journal:cursor", "00112233445566ff:7"]);
    redis.run(&["SADD", "agents:active", "somebody-elses"]);
    eventually("the answers come from history, and say why", || {
        over_http(&daemon, &world)?;
        let ready = daemon.get("/ready");
        let names_it = ready.status == 503 && ready.text().contains("redis.prefix");
        names_it.then_some(()).ok_or(ready.text())
    });
    let told = redis.run(&["SMEMBERS", "agents:active"]).texts();
    assert_eq!(told, ["somebody-elses"]);
    let refused = daemon.command(&["rebuild"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && said.contains("--force"),
        "{said}"
    );
    assert!(daemon.command(&["rebuild", "--force"]).status.success());
    equals(&daemon, &redis, &world);
}

#[track_caller]
fn gives_up(exit: &Exit, code: i32, word: &str) {
    assert_eq!(exit.code, Some(code), "{}", exit.log);
    assert!(exit.log.contains(word), "{word} is not in:\n{}", exit.log);
}

#[test]
fn p04_a_redis_of_another_daemon_exits_69_and_is_left_alone() {
    let redis = Redis::start();
    let first = Setup::new().redis(&redis).start();
    let stop = json!({"event":"stop","agent_id":"a","agent_name":"zorp","duration_ms":5,
        "execution_end":rfc3339(now_ms())});
    let world = World::of(&first.accept(&[stop]));
    let untouched = || redis_keys::everything(&redis.socket(), "", &world);
    eventually("the first has written", untouched);
    gives_up(
        &Setup::new().redis(&redis).run_to_exit_anywhere(),
        69,
        "redis.prefix",
    );
    untouched().expect("the second has changed nothing");
    let other = Setup::new()
        .redis(&redis)
        .set("redis.prefix", "\"other:\"")
        .start();
    assert_eq!(other.get("/ready").status, 200);
}

#[test]
fn p04_keys_of_our_names_that_no_daemon_wrote_are_not_deleted() {
    let redis = Redis::start();
    redis.run(&["SET", "agent:somebody", "elses"]);
    redis.run(&["LPUSH", "agent:history:zorp", "{}"]);
    let setup = Setup::new().redis(&redis);
    let folder = crate::harness::folder();
    let data = folder.path().join("d");
    let exit = setup.run_to_exit(&data);
    gives_up(&exit, 69, "redis.prefix");
    gives_up(&exit, 69, "agentpulse rebuild --force");
    gives_up(&exit, 69, "agent:history:zorp");
    let rebuild = |how: &[&str]| {
        let mut command = crate::harness::short_program();
        command.args(["rebuild", "--data-dir"]).arg(&data).args(how);
        command.env("AGENTPULSE_REDIS__URL", redis.url());
        command.output().expect("the program runs").status.code()
    };
    assert_eq!(rebuild(&[]), Some(69));
    let kept = redis.run(&["LRANGE", "agent:history:zorp", "0", "-1"]);
    assert_eq!(kept.texts(), ["{}"]);
    let beside = Setup::new()
        .redis(&redis)
        .set("redis.prefix", "\"other:\"")
        .start();
    assert_eq!(beside.get("/ready").status, 200);
    drop(beside);
    assert_eq!(rebuild(&["--force"]), Some(0));
    assert_eq!(redis.run(&["EXISTS", "agent:history:zorp"]).text(), "0");
    assert_eq!(redis.run(&["GET", "agent:somebody"]).text(), "elses");
}
