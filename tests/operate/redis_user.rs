//! A user of Redis that may do little: what the daemon needs is what is documented, what is missing
//! is named, and what is taken away for a while stops nothing for good.

use std::fs;

use crate::check::{over_http, redis_keys};
use crate::harness::doctor::Person;
use crate::harness::wire::Reply;
use crate::harness::{Daemon, Redis, Setup, eventually, log_path, now_ms, short_program};
use crate::model::World;
use crate::model::load::shuffled;

const PASSWORD: &str = "s3cret-pw";

/// The commands that docs/operations.md says to allow, with the other words of its ACL.
fn documented() -> Vec<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operations.md");
    let text = fs::read_to_string(path).expect("the documentation");
    let begin = text.find("ACL SETUSER pulse").expect("the documented user");
    let words = text[begin..].split("```").next().expect("a block of code");
    let words = words.split_whitespace().filter(|word| *word != "\\");
    words.skip(3).map(str::to_owned).collect()
}

/// A Redis with the documented user, and its URL.
fn redis(change: &[&str]) -> (Redis, String) {
    let redis = Redis::start();
    let words: Vec<String> = documented()
        .into_iter()
        .map(|word| match word.strip_prefix('>') {
            Some(_) => format!(">{PASSWORD}"),
            None => word,
        })
        .collect();
    let mut command = vec!["ACL", "SETUSER", "pulse"];
    command.extend(
        words
            .iter()
            .map(String::as_str)
            .chain(change.iter().copied()),
    );
    let done = redis.run(&command);
    assert!(matches!(&done, Reply::Text(ok) if ok == "OK"), "{done:?}");
    let socket = redis.socket();
    let url = format!("unix://pulse:{PASSWORD}@{}?db=0", socket.display());
    (redis, url)
}

fn setup(url: &str) -> Setup {
    Setup::new()
        .set("redis.url", &format!("\"{url}\""))
        .set("redis.prefix", "\"agentpulse:\"")
}

fn equals(daemon: &Daemon, redis: &Redis, world: &World) {
    eventually("HTTP equals the model", || over_http(daemon, world));
    eventually("Redis equals the model", || {
        redis_keys::everything(&redis.socket(), "agentpulse:", world)
    });
}

fn waits_for_live(daemon: &Daemon, says: &str) {
    eventually(says, || {
        let ready = daemon.get("/ready");
        let told = ready.status == 503 && ready.text().contains(says);
        told.then_some(()).ok_or(ready.text())
    });
}

#[test]
fn a_user_who_may_do_what_is_documented_is_enough() {
    let (redis, url) = redis(&[]);
    let mut daemon = setup(&url).start();
    let lines = shuffled(600, now_ms());
    let mut all = daemon.send(&lines[..300]).0;
    equals(&daemon, &redis, &World::of(&all));
    assert!(daemon.command(&["rebuild"]).status.success());
    equals(&daemon, &redis, &World::of(&all));
    assert_eq!(daemon.sigterm().code(), Some(0));
    daemon.restart();
    all.extend(daemon.send(&lines[300..]).0);
    equals(&daemon, &redis, &World::of(&all));

    let health = daemon.read("/api/system/health").expect("an answer");
    let told = &health["checks"]["redis"];
    assert_eq!(
        (&told["status"], &told["version"]),
        (&"ok".into(), &"unknown".into())
    );
    assert!(told["memory_bytes"].is_null(), "{told}");
    let metrics = daemon.get("/metrics").text();
    assert!(metrics.contains("agentpulse_redis_up 1"), "{metrics}");
    let person = Person::of(&daemon).with("AGENTPULSE_REDIS__PREFIX", "agentpulse:");
    let person = person.with("AGENTPULSE_REDIS__URL", &url);
    person.ask().is("redis", "hint", &["may not run INFO"]);
    let log = fs::read_to_string(log_path(&daemon.data)).expect("the log");
    assert!(!log.contains(PASSWORD), "{log}");
}

#[test]
fn commands_denied_to_the_user_are_named_at_the_start() {
    for (change, named) in [
        (&["-evalsha"][..], "evalsha"),
        (&["-zadd", "-ltrim"], "+ltrim +zadd"),
        (&["-scan"], "+scan"),
        (&["resetkeys", "~other:*"], "~agentpulse:*"),
        (&["resetpass", ">another"], "WRONGPASS"),
        (&["-select"], "select"),
    ] {
        let (_redis, url) = redis(change);
        let exit = setup(&url).run_to_exit_anywhere();
        assert_eq!(exit.code, Some(69), "{}", exit.log);
        let last = exit.log.lines().last().unwrap_or_default();
        assert!(
            last.contains("Redis refuses its user"),
            "{change:?}: {last}"
        );
        assert!(last.contains(named), "{named} is not in {last}");
        assert!(!exit.log.contains(PASSWORD), "{}", exit.log);
    }
}

#[test]
fn a_right_taken_and_given_back_stops_nothing_for_good() {
    let (redis, url) = redis(&[]);
    let daemon = setup(&url).start();
    let lines = shuffled(400, now_ms());
    let mut all = Vec::new();
    let mut parts = lines.chunks(100);
    for (take, give) in [("-evalsha", "+evalsha"), ("-hset", "+hset"), ("-@all", "")] {
        redis.run(&["ACL", "SETUSER", "pulse", take]);
        all.extend(daemon.send(parts.next().expect("a part")).0);
        waits_for_live(&daemon, "Redis refuses its user");
        let words = documented();
        let commands = words.iter().filter(|word| word.starts_with('+'));
        let mut back = vec!["ACL", "SETUSER", "pulse"];
        match give {
            "" => back.extend(commands.map(String::as_str)),
            give => back.push(give),
        }
        redis.run(&back);
        equals(&daemon, &redis, &World::of(&all));
    }
    // The password is changed, and those who knew the old one are put out.
    redis.run(&["ACL", "SETUSER", "pulse", "resetpass", ">another"]);
    redis.run(&["CLIENT", "KILL", "USER", "pulse"]);
    all.extend(daemon.send(parts.next().expect("a part")).0);
    waits_for_live(&daemon, "WRONGPASS");
    redis.run(&["ACL", "SETUSER", "pulse", &format!(">{PASSWORD}")]);
    equals(&daemon, &redis, &World::of(&all));
    let log = fs::read_to_string(log_path(&daemon.data)).expect("the log");
    assert!(!log.contains(PASSWORD), "{log}");
}

#[test]
fn a_url_that_names_no_server_is_refused_by_the_check_and_by_the_daemon_alike() {
    let folder = crate::harness::folder();
    for url in [
        "redis://me@h",
        "redis://h/x",
        "redis://h?db=1",
        "unix:///s?password=s3cret",
        "unix://me:s3cret@h/s",
    ] {
        let mut command = short_program();
        command
            .args(["config", "check"])
            .env("AGENTPULSE_REDIS__URL", url);
        command.env("HOME", folder.path());
        let checked = command.output().expect("the program runs");
        assert_eq!(checked.status.code(), Some(78), "{url}");
        let exit = setup(url).run_to_exit_anywhere();
        assert_eq!(exit.code, Some(78), "{url}: {}", exit.log);
        let told = String::from_utf8_lossy(&checked.stderr).into_owned() + &exit.log;
        assert!(!told.contains("s3cret"), "{told}");
    }
}
