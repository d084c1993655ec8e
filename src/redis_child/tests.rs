use std::fs;
use std::path::{Path, PathBuf};
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
        second.server.is_up().await && second.server.pid() != Some(pid)
    })
    .await;
    assert_eq!(second.server.ask("GET seen").await.unwrap(), "$1\r\n1\r\n");
    let pid = second.server.pid().unwrap();
    let server = second.server.clone();
    second.stop(Duration::from_secs(10)).await;
    assert!(server.is_gone(pid));
}

#[tokio::test]
async fn what_is_missing_is_said_in_one_line() {
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
    fs::write(&foreign.config, foreign.fill(TEMPLATE)).unwrap();
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
