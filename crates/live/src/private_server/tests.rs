use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use tokio::time::{Instant, sleep};

use super::process::{Process, signal};
use super::server::{POLL, START_DEADLINE, Server};
use super::{RedisChild, Settings};

const TEMPLATE: &str = "port 0\nunixsocket \"{socket}\"\ndir \"{dir}\"\n\
    pidfile \"{pidfile}\"\nlogfile \"{logfile}\"\nappendonly yes\nsave \"\"\n\
    maxmemory {maxmemory}\nmaxmemory-policy noeviction\ndaemonize no\n";

fn settings(dir: &Path) -> Settings {
    Settings {
        dir: dir.to_owned(),
        server: None,
        maxmemory: 32 << 20,
        template: TEMPLATE.to_owned(),
    }
}

async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !holds().await {
        assert!(Instant::now() < end, "{what}");
        sleep(POLL).await;
    }
}

#[tokio::test]
async fn a_server_that_outlives_its_daemon_is_adopted_and_one_that_dies_is_restarted() {
    let dir = tempfile::tempdir().unwrap();
    let first = RedisChild::start(&settings(dir.path())).await.unwrap();
    assert_eq!(first.server.ask("SET seen 1").await.unwrap(), "+OK\r\n");
    let pid = first.server.pid().unwrap();
    // As after a kill of the daemon: nobody watches, and the server goes on.
    first.watch.abort();

    let second = RedisChild::start(&settings(dir.path())).await.unwrap();
    assert_eq!(second.server.pid_in_file(), Some(pid));
    assert_eq!(second.server.ask("GET seen").await.unwrap(), "$1\r\n1\r\n");

    signal(pid, Signal::KILL);
    // Here its parent still lives and has to see it off.
    if let Some(Process::Child(child)) = first.server.process().as_mut() {
        child.wait().unwrap();
    }
    eventually("the server is restarted", async || {
        second
            .server
            .ask("PING")
            .await
            .is_ok_and(|pong| pong == "+PONG\r\n")
            && second.server.pid() != Some(pid)
    })
    .await;
    assert_eq!(second.server.ask("GET seen").await.unwrap(), "$1\r\n1\r\n");
    let pid = second.server.pid().unwrap();
    let server = second.server.clone();
    second.stop(Duration::from_secs(10)).await;
    assert!(server.is_gone(pid));
}

#[tokio::test]
async fn a_missing_program_is_reported_in_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let mut missing = settings(dir.path());
    missing.server = Some(PathBuf::from("/nowhere/redis-server"));
    let error = RedisChild::start(&missing).await.err().unwrap().to_string();
    assert_eq!(error, "redis.server /nowhere/redis-server: no such program");
    let long = dir.path().join("x".repeat(120));
    let error = RedisChild::start(&settings(&long))
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("must be at most"), "{error}");
}

#[tokio::test]
async fn one_that_is_loading_is_waited_for_and_adopted() {
    let dir = tempfile::tempdir().unwrap();
    let first = RedisChild::start(&settings(dir.path())).await.unwrap();
    for i in 0..1_000 {
        let set = format!("SET {i} value");
        assert_eq!(first.server.ask(&set).await.unwrap(), "+OK\r\n");
    }
    // A rewrite leaves an RDB file, during whose loading questions are answered.
    first.server.ask("BGREWRITEAOF").await.unwrap();
    eventually("the file is rewritten", async || {
        let info = first.server.ask("INFO persistence").await.unwrap();
        info.contains("aof_rewrite_in_progress:0") && info.contains("aof_rewrites:1")
    })
    .await;
    first.stop(Duration::from_secs(10)).await;

    // As the daemon before left it: started, not yet up.
    let mut slow = settings(dir.path());
    slow.template += "key-load-delay 1000\nloading-process-events-interval-bytes 1024\n";
    let left = Server::prepare(&slow).unwrap();
    left.spawn().unwrap();
    eventually("it loads", async || {
        let reply = left.ask("PING").await;
        reply.is_ok_and(|reply| reply.starts_with("-LOADING"))
    })
    .await;
    let second = RedisChild::start(&slow).await.unwrap();
    assert_eq!(second.server.pid(), left.pid());
    assert_eq!(second.server.ask("DBSIZE").await.unwrap(), ":1000\r\n");
    // Its parent is this process, and sees it off.
    tokio::join!(
        second.stop(Duration::from_secs(10)),
        eventually("it ends", async || left.has_exited())
    );
}

#[tokio::test]
async fn one_that_does_not_answer_is_replaced_and_its_files_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let first = RedisChild::start(&settings(dir.path())).await.unwrap();
    assert_eq!(first.server.ask("SET seen 1").await.unwrap(), "+OK\r\n");
    first.watch.abort();
    let pid = first.server.pid().unwrap();
    signal(pid, Signal::STOP);
    let again = settings(dir.path());
    let (second, ()) = tokio::join!(
        RedisChild::start(&again),
        eventually("it is killed", async || first.server.has_exited())
    );
    let second = second.unwrap();
    assert_ne!(second.server.pid(), Some(pid));
    assert_eq!(second.server.ask("GET seen").await.unwrap(), "$1\r\n1\r\n");
    second.stop(Duration::from_secs(10)).await;
}

#[tokio::test]
async fn a_server_that_is_not_ours_keeps_its_socket_and_its_settings() {
    let dir = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let mut foreign = Server::prepare(&settings(elsewhere.path())).unwrap();
    foreign.socket = dir.path().join("redis.sock");
    foreign.spawn().unwrap();
    foreign.wait_until_it_answers(START_DEADLINE).await.unwrap();
    let mut ours = settings(dir.path());
    ours.maxmemory = 99 << 20;
    let error = RedisChild::start(&ours).await.err().unwrap().to_string();
    assert!(error.contains("belongs to another server"), "{error}");
    let limit = foreign.ask("CONFIG GET maxmemory").await.unwrap();
    assert!(limit.contains(&(32 << 20).to_string()), "{limit}");
    foreign.end_own(Duration::from_secs(10)).await;
}

#[tokio::test]
async fn a_configuration_that_is_refused_is_told_in_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let mut wrong = settings(dir.path());
    wrong.template = "no-such-setting yes\n".to_owned();
    let error = RedisChild::start(&wrong).await.err().unwrap().to_string();
    assert!(error.contains("redis.log"), "{error}");
    let log = fs::read_to_string(dir.path().join("redis/redis.log")).unwrap();
    assert!(log.contains("no-such-setting"), "{log}");
}

/// The TCP sockets of a process that take connections; only on Linux.
fn tcp_listeners(pid: i32) -> usize {
    let sockets: Vec<String> = fs::read_dir(format!("/proc/{pid}/fd"))
        .into_iter()
        .flatten()
        .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .map(|link| link.to_string_lossy().into_owned())
        .collect();
    let tables = ["tcp", "tcp6"].map(|name| fs::read_to_string(format!("/proc/{pid}/net/{name}")));
    let lines = tables.iter().flatten().flat_map(|table| table.lines());
    let listening = lines.filter(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words.get(3) == Some(&"0A") && sockets.contains(&format!("socket:[{}]", words[9]))
    });
    listening.count()
}

#[tokio::test]
async fn a_path_is_no_pattern_and_needs_no_plain_letters() {
    let names: [&[u8]; 7] = [
        b"proj[1]",
        b"a*b?",
        b"with \"quote\" and space",
        b"it's \\ {dir}{maxmemory}",
        b"two\nlines",
        b"-- port 6379",
        b"caf\xe9",
    ];
    for name in names {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join(OsStr::from_bytes(name));
        // Where the name is a pattern, this one fits it.
        fs::create_dir(parent.path().join("proj1")).unwrap();
        fs::write(parent.path().join("proj1/redis.conf"), "port 6379\n").unwrap();
        let child = RedisChild::start(&settings(&dir)).await.unwrap();
        let pid = child.server.pid().unwrap();
        assert_eq!(tcp_listeners(pid), 0, "{dir:?}");
        child.server.check().await.unwrap();
        assert_eq!(child.server.pid_in_file(), Some(pid), "{dir:?}");
        assert_eq!(child.server.ask("SET seen 1").await.unwrap(), "+OK\r\n");
        child.watch.abort();
        let again = RedisChild::start(&settings(&dir)).await.unwrap();
        assert_eq!(again.server.pid(), Some(pid), "{dir:?}");
        child.stop(Duration::from_secs(10)).await;
        assert!(dir.join("redis/appendonlydir").is_dir(), "{dir:?}");
    }
}

#[tokio::test]
async fn a_server_with_other_settings_is_ended() {
    let free_port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let port = format!("port {free_port}\nbind 127.0.0.1");
    let eviction = "maxmemory-policy allkeys-lru".to_owned();
    for (from, to) in [
        ("port 0", port.as_str()),
        ("maxmemory-policy noeviction", &eviction),
        ("appendonly yes", "appendonly no"),
        ("maxmemory {maxmemory}", "maxmemory 0"),
        ("dir \"{dir}\"", "dir \"/\""),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let mut wrong = settings(dir.path());
        wrong.template = wrong.template.replace(from, to);
        let error = RedisChild::start(&wrong).await.err().unwrap().to_string();
        let name = from.split(' ').next().unwrap();
        assert!(error.contains(&format!("({name} is ")), "{error}");
        assert!(!dir.path().join("redis.sock").exists(), "{from}");
    }
}

#[tokio::test]
async fn one_whose_settings_were_changed_is_replaced_when_it_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let first = RedisChild::start(&settings(dir.path())).await.unwrap();
    first.watch.abort();
    let change = "CONFIG SET maxmemory-policy allkeys-lru";
    assert_eq!(first.server.ask(change).await.unwrap(), "+OK\r\n");
    let again = settings(dir.path());
    let (second, ()) = tokio::join!(
        RedisChild::start(&again),
        eventually("it is ended", async || first.server.has_exited())
    );
    let second = second.unwrap();
    assert_ne!(second.server.pid(), first.server.pid());
    second.server.check().await.unwrap();
    second.stop(Duration::from_secs(10)).await;
}

#[tokio::test]
async fn a_server_of_version_0_1_0_is_taken_over_and_known_by_its_command_line() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::prepare(&settings(dir.path())).unwrap();
    let mut left = Command::new("redis-server")
        .arg(&server.config)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    eventually("it answers", async || {
        server
            .ask("PING")
            .await
            .is_ok_and(|pong| pong == "+PONG\r\n")
    })
    .await;
    assert_eq!(server.pid_in_file(), Some(left.id() as i32));
    let child = RedisChild::start(&settings(dir.path())).await.unwrap();
    assert_eq!(child.server.pid(), Some(left.id() as i32));
    tokio::join!(
        child.stop(Duration::from_secs(10)),
        eventually("it ends", async || left.try_wait().unwrap().is_some())
    );
}

/// Its files can be rebuilt from the history: a daemon must not stay down for them.
#[tokio::test]
async fn a_server_whose_files_cannot_be_read_begins_without_them() {
    let dir = tempfile::tempdir().unwrap();
    let first = RedisChild::start(&settings(dir.path())).await.unwrap();
    assert_eq!(first.server.ask("SET seen 1").await.unwrap(), "+OK\r\n");
    first.stop(Duration::from_secs(10)).await;
    let files = dir.path().join("redis/appendonlydir");
    let log = files.join("appendonly.aof.1.incr.aof");
    // As a power cut may leave what was written last.
    let length = fs::metadata(&log).unwrap().len() as usize;
    fs::write(&log, vec![0; length]).unwrap();

    let mut broken = settings(dir.path());
    broken.template += "no-such-setting yes\n";
    assert!(RedisChild::start(&broken).await.is_err());
    assert_eq!(
        fs::read(&log).unwrap(),
        vec![0; length],
        "it was not for them"
    );

    let second = RedisChild::start(&settings(dir.path())).await.unwrap();
    assert_eq!(second.server.ask("DBSIZE").await.unwrap(), ":0\r\n");
    second.stop(Duration::from_secs(10)).await;
    assert!(dir.path().join("redis/appendonlydir.unread").exists());
}

fn script(dir: &Path, last_line: &str) -> Settings {
    let script = dir.join("redis-server");
    fs::write(&script, format!("#!/bin/sh\n{last_line}\nexit 0\n")).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).unwrap();
    Settings {
        server: Some(script),
        ..settings(dir)
    }
}

/// The server is then a child of the program that was started, or has left its process group.
#[tokio::test]
async fn a_server_started_by_a_script_ends_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let own = RedisChild::start(&script(dir.path(), "redis-server \"$@\"")).await;
    let own = own.unwrap();
    let server = own.server.clone();
    own.stop(Duration::from_secs(10)).await;
    assert!(server.ask("PING").await.is_err());
    for of_its_own in ["", "--daemonize yes & sleep 60"] {
        let line = format!("redis-server --port 0 --save '' --unixsocket \"$3\" {of_its_own}");
        let settings = script(dir.path(), &line);
        let error = RedisChild::start(&settings).await.err().unwrap();
        assert!(error.to_string().contains("is ended"), "{error}");
        assert!(server.ask("PING").await.is_err(), "{of_its_own:?}");
    }
}

#[tokio::test]
async fn a_full_disk_is_named_with_its_folder() {
    let dir = tempfile::tempdir().unwrap();
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs"]);
    let mounted = mount.arg(dir.path()).stderr(Stdio::null()).status();
    if !mounted.is_ok_and(|status| status.success()) {
        return; // Only root may.
    }
    let fill = || {
        let mut file = fs::File::create(dir.path().join("fill")).unwrap();
        let full = std::io::copy(&mut std::io::repeat(0), &mut file).unwrap_err();
        assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    };
    // It can be started, and has no room for the files that it makes then.
    let server = Server::prepare(&settings(dir.path())).unwrap();
    fill();
    let unborn = server.ended_at_once();
    let refused = RedisChild::start(&settings(dir.path()))
        .await
        .err()
        .unwrap();
    // It runs, and then there is no more room for what it writes.
    fs::remove_file(dir.path().join("fill")).unwrap();
    let child = RedisChild::start(&settings(dir.path())).await.unwrap();
    child.watch.abort();
    fill();
    eventually("it refuses", async || {
        let _ = child
            .server
            .ask(&format!("SET a {}", "x".repeat(3_000)))
            .await;
        child
            .server
            .ask("PING")
            .await
            .unwrap()
            .starts_with("-MISCONF")
    })
    .await;
    let waited = child.server.wait_until_it_answers(START_DEADLINE).await;
    let found = child.server.adopt().await;
    let pid = child.server.pid().unwrap();
    child.server.end(pid, Duration::from_secs(10)).await;
    let folder = dir.path().display().to_string();
    let unmounted = Command::new("umount").arg("-l").arg(dir.path()).status();
    assert!(unmounted.unwrap().success());
    for error in [unborn, refused, waited.unwrap_err(), found.unwrap_err()] {
        let message = error.to_string();
        assert!(error.is_of_file() && message.contains(&folder), "{message}");
        assert!(message.contains("KiB are free"), "{message}");
    }
}
