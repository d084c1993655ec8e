use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::RwLock;
use tokio::net::{TcpListener, UnixStream};

use super::apply::{apply, start};
use super::journey::Journey;
use super::{PATIENCE, Server, active, ask, dump, names, set_cursor, writes};
use crate::{Live, LiveConfig, Writes};
use agentpulse_core::execution::Fact;
use agentpulse_core::redis_url::RedisUrl;

#[tokio::test]
async fn a_batch_over_the_memory_is_refused_whole() {
    let server = Server::start(&[]).await;
    let live = server.live().await;
    set_cursor(&live, "e:0").await;
    let mut journey = Journey::new(1);
    apply(&live, 0, 50, &writes(&journey.changes(50))).await;
    let batch = writes(&journey.changes(50));
    let before = dump(&live).await;
    ask(&live, &["CONFIG", "SET", "maxmemory", "1"]).await;
    let error = live
        .apply("e:50", "e:100", batch.clone())
        .await
        .unwrap_err();
    assert!(error.is_out_of_memory() && !error.is_broken(), "{error}");
    // It is still read, and says how it is.
    assert_eq!(live.cursor().await.unwrap().as_deref(), Some("e:50"));
    assert!(!active(&live).await.is_empty());
    assert_eq!(live.memory().await.unwrap().unwrap().1, 1);
    ask(&live, &["CONFIG", "SET", "maxmemory", "0"]).await;
    assert_eq!(dump(&live).await, before);
    apply(&live, 50, 100, &batch).await;
}

#[tokio::test]
async fn scripts_that_were_flushed_are_loaded_again() {
    let server = Server::start(&[]).await;
    let live = server.live().await;
    set_cursor(&live, "e:0").await;
    let mut journey = Journey::new(2);
    for i in 0..3 {
        apply(&live, i * 10, i * 10 + 10, &writes(&journey.changes(10))).await;
        ask(&live, &["SCRIPT", "FLUSH"]).await;
    }
    assert_eq!(live.cursor().await.unwrap().as_deref(), Some("e:30"));
}

#[tokio::test]
async fn a_killed_server_is_away_at_once_and_is_found_again() {
    let server = Server::start(&["--appendonly", "yes"]).await;
    let live = server.live().await;
    set_cursor(&live, "e:0").await;
    let batch = writes(&Journey::new(3).changes(10));
    let folder = server.kill();
    let begun = Instant::now();
    let error = live.apply("e:0", "e:10", batch.clone()).await.unwrap_err();
    assert!(error.is_away(), "{error}");
    let error = live.ping(Duration::from_secs(1)).await.unwrap_err();
    assert!(error.is_away(), "{error}");
    // Far below the time-out of a command: nobody waited for one.
    assert!(begun.elapsed() < Duration::from_secs(4));

    let _server = Server::start_in(folder, &["--appendonly", "yes"]).await;
    until(|| async { live.ping(Duration::from_secs(1)).await.is_ok() }).await;
    apply(&live, 0, 10, &batch).await;
}

#[tokio::test]
async fn a_stopped_server_is_away_within_the_deadline() {
    let server = Server::start(&[]).await;
    let live = server.live().await;
    live.ping(PATIENCE).await.unwrap();
    signal(&server, rustix::process::Signal::STOP);
    let error = live.ping(Duration::from_millis(50)).await.unwrap_err();
    assert!(error.is_away(), "{error}");
    signal(&server, rustix::process::Signal::CONT);
    until(|| async { live.ping(Duration::from_secs(1)).await.is_ok() }).await;
}

#[tokio::test]
async fn a_connection_that_went_silent_is_given_up_for_a_new_one() {
    let server = Server::start(&[]).await;
    let way = Way::to(server.socket()).await;
    let live = connect(&way.url).await.unwrap();
    set_cursor(&live, "e:1").await;
    way.swallow.send_replace(true);
    let error = live.ping(Duration::from_millis(50)).await.unwrap_err();
    assert!(error.is_away(), "{error}");
    // From the silence on only new connections lead to the server.
    until(|| async { live.ping(Duration::from_secs(1)).await.is_ok() }).await;
    assert_eq!(live.cursor().await.unwrap().as_deref(), Some("e:1"));
}

/// A way over TCP to a server, on which the connections of the moment can be made to swallow all
/// that is sent, without a word to either end.
struct Way {
    url: String,
    swallow: tokio::sync::watch::Sender<bool>,
}

impl Way {
    async fn to(socket: PathBuf) -> Way {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("redis://{}", listener.local_addr().unwrap());
        let swallow = tokio::sync::watch::Sender::new(false);
        let stopped = swallow.clone();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let mut server = UnixStream::connect(&socket).await.unwrap();
                // Only what comes after it was begun makes a connection silent.
                let mut stopped = stopped.subscribe();
                tokio::spawn(async move {
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut client, &mut server) => return,
                        _ = stopped.changed() => {}
                    }
                    let _ = tokio::io::copy(&mut client, &mut tokio::io::sink()).await;
                });
            }
        });
        Way { url, swallow }
    }
}

fn signal(server: &Server, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(server.pid() as i32).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

#[tokio::test]
async fn a_server_that_reads_its_files_says_so() {
    let server = Server::start(&[]).await;
    let live = server.live().await;
    for i in 0..1_000 {
        ask(&live, &["SET", &format!("{i}"), "a value of some length"]).await;
    }
    ask(&live, &["SAVE"]).await;
    drop(live);
    let folder = server.kill();
    let slowly = [
        "--key-load-delay",
        "10000",
        "--loading-process-events-interval-bytes",
        "1024",
    ];
    let server = Server::start_loading(folder, &slowly).await;
    let live = server.live().await;
    let error = live.cursor().await.unwrap_err();
    assert!(error.is_loading() && !error.is_away(), "{error}");
    let error = live.apply("", "e:1", Writes::default()).await.unwrap_err();
    assert!(error.is_loading(), "{error}");
    let error = live.ping(Duration::from_secs(1)).await.unwrap_err();
    assert!(error.is_loading(), "{error}");
    ask(&live, &["CONFIG", "SET", "key-load-delay", "0"]).await;
    until(|| async { live.cursor().await.is_ok() }).await;
}

#[tokio::test]
async fn a_replica_takes_no_writes() {
    let server = Server::start(&[]).await;
    let live = server.live().await;
    set_cursor(&live, "e:0").await;
    ask(&live, &["REPLICAOF", "127.0.0.1", "1"]).await;
    let batch = writes(&Journey::new(4).changes(5));
    let error = live.apply("e:0", "e:5", batch.clone()).await.unwrap_err();
    assert!(error.is_read_only() && !error.is_broken(), "{error}");
    assert_eq!(live.cursor().await.unwrap().as_deref(), Some("e:0"));
}

#[tokio::test]
async fn a_server_that_drops_keys_is_refused() {
    let server = Server::start(&["--maxmemory", "100mb"]).await;
    let live = server.live().await;
    let facts = live.check().await.unwrap().unwrap();
    assert!(
        facts.version.starts_with('7') || facts.is_valkey,
        "{facts:?}"
    );
    assert_eq!(facts.maxmemory, 100 << 20);
    assert!(!facts.is_appending && facts.used_memory > 0);
    ask(&live, &["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]).await;
    let error = live.check().await.unwrap_err();
    assert!(error.is_unfit() && !error.is_broken(), "{error}");
    assert!(error.to_string().contains("allkeys-lru"), "{error}");
    assert!(!error.to_string().contains('\n'), "{error}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_away() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("unix://{}/none", folder.path().display());
    let live = connect(&url).await.unwrap();
    let error = live.check().await.unwrap_err();
    assert!(error.is_away(), "{error}");
    assert!(error.to_string().contains("No such file"), "{error}");
}

#[tokio::test]
async fn a_password_is_sent_and_a_missing_one_is_told() {
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port().to_string()
    };
    let _server = Server::start_protected(&["--port", &port, "--requirepass", "secret"]).await;
    let live = connect(&format!("redis://:secret@127.0.0.1:{port}/3"))
        .await
        .unwrap();
    set_cursor(&live, "e:0").await;
    assert_eq!(live.cursor().await.unwrap().as_deref(), Some("e:0"));
    let live = connect(&format!("redis://127.0.0.1:{port}")).await.unwrap();
    let error = live.cursor().await.unwrap_err();
    assert!(
        error.is_denied() && error.to_string().contains("NOAUTH"),
        "{error}"
    );
}

async fn connect(url: &str) -> Result<Live, crate::Error> {
    let config = LiveConfig {
        url: RedisUrl::parse(url).unwrap(),
        prefix: String::new(),
    };
    Live::connect(&config, Arc::new(RwLock::new(names()))).await
}

#[tokio::test]
async fn only_our_keys_are_cleared() {
    let server = Server::start(&[]).await;
    let live = server.live().await;
    let other = server.live_at("other:").await;
    for live in [&live, &other] {
        set_cursor(live, "e:0").await;
        let changes = Journey::new(5).changes(200);
        let batch = Writes::of(&changes, &names(), live.keys(), 1_000_000, super::now_ms());
        apply(live, 0, 200, &batch).await;
    }
    let foreign = [
        "test:mine",
        "test:metrics:daily:x",
        "agents:active",
        "test",
        "test:",
    ];
    for name in foreign {
        ask(&live, &["SET", name, "1"]).await;
    }
    // A key by one of our names is ours, whatever somebody put there.
    ask(&live, &["SET", "test:agent:errors:x", "1"]).await;
    // Names need not be text.
    let raw = fred::types::Value::Bytes(vec![b't', b'e', b's', b't', b':', 0xff].into());
    let set = crate::handle::command("SET");
    let _: fred::types::Value = {
        use fred::interfaces::ClientLike;
        live.client
            .custom(set, vec![raw, "1".into()])
            .await
            .unwrap()
    };
    let count = |value: fred::types::Value| value.into_array().len();
    let ours = count(ask(&live, &["KEYS", "test:*"]).await);
    let theirs = count(ask(&live, &["KEYS", "other:*"]).await);
    assert!(ours > 60);
    // Left are the cursor, three foreign names under the prefix, and the one that is no text.
    // It makes room, and so memory that is full is no reason against it.
    ask(&live, &["CONFIG", "SET", "maxmemory", "1"]).await;
    let cleared = live.clear("e:200").await.unwrap();
    assert_eq!(cleared, Some(ours as u64 - 5));
    assert_eq!(count(ask(&live, &["KEYS", "test:*"]).await), 5);
    assert_eq!(count(ask(&live, &["KEYS", "other:*"]).await), theirs);
    for name in foreign {
        assert_eq!(
            ask(&live, &["EXISTS", name]).await.as_i64(),
            Some(1),
            "{name}"
        );
    }
    assert_eq!(live.cursor().await.unwrap().as_deref(), Some("e:200"));
}

#[tokio::test]
async fn a_lost_answer_is_told_by_asking_again() {
    let server = Server::start(&[]).await;
    let live = server.live().await;
    set_cursor(&live, "e:0").await;
    // It has the script.
    apply(&live, 0, 0, &Writes::default()).await;
    let mut journey = Journey::new(6);
    let changes: Vec<_> = journey
        .happen("a", Fact::Start(Box::new(start("agent-0"))))
        .into_iter()
        .collect();
    let batch = writes(&changes);
    // The caller gives up while Redis is stopped; the command is on its way all the same.
    signal(&server, rustix::process::Signal::STOP);
    let lost = tokio::time::timeout(
        Duration::from_millis(100),
        live.apply("e:0", "e:1", batch.clone()),
    );
    assert!(lost.await.is_err());
    signal(&server, rustix::process::Signal::CONT);
    until(|| async { live.cursor().await.unwrap().as_deref() == Some("e:1") }).await;
    apply(&live, 0, 1, &batch).await;
    assert_eq!(active(&live).await.len(), 1);
}

async fn until<F: Future<Output = bool>>(mut condition: impl FnMut() -> F) {
    let begun = Instant::now();
    while !condition().await {
        assert!(begun.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
