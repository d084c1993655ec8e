//! Against a real server, each test its own.

mod apply;
mod expected;
mod failures;
mod journey;
mod reads;
mod rebuild;
mod sample;
mod scripts;
mod sums;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fred::interfaces::ClientLike;
use fred::types::Value;
use parking_lot::RwLock;
use serde_json::Value as Json;

use super::handle::command;
use super::{Expected, Key, Keyspace, Kind, Live, LiveConfig, Rows, Writes};
use agentpulse_core::bucket::Day;
use agentpulse_core::change::Change;
use agentpulse_core::names::{NameKind, NameLimits, Names};
use agentpulse_core::redis_url::RedisUrl;
use agentpulse_core::view::Recent;
use agentpulse_core::zone::Zone;

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);
pub(super) const PREFIX: &str = "test:";
pub(super) const IDLE_MS: i64 = 300_000;

/// A server of its own, which ends with it.
pub(super) struct Server {
    child: Child,
    folder: tempfile::TempDir,
}

impl Server {
    pub(super) async fn start(options: &[&str]) -> Server {
        let folder = tempfile::tempdir().unwrap();
        Server::start_in(folder, options).await
    }

    pub(super) async fn start_in(folder: tempfile::TempDir, options: &[&str]) -> Server {
        let server = Server {
            child: spawn(&folder, options),
            folder,
        };
        server.wait("+PONG").await;
        server
    }

    /// As [`Server::start_in`], without waiting until it has read its files.
    pub(super) async fn start_loading(folder: tempfile::TempDir, options: &[&str]) -> Server {
        let server = Server {
            child: spawn(&folder, options),
            folder,
        };
        server.wait("-LOADING").await;
        server
    }

    /// As [`Server::start`], of one that answers only clients that know its password.
    pub(super) async fn start_protected(options: &[&str]) -> Server {
        let folder = tempfile::tempdir().unwrap();
        let server = Server {
            child: spawn(&folder, options),
            folder,
        };
        server.wait("-NOAUTH").await;
        server
    }

    async fn wait(&self, answer: &str) {
        use std::io::{Read, Write};
        let begun = Instant::now();
        loop {
            let mut bytes = [0; 8];
            let asked =
                std::os::unix::net::UnixStream::connect(self.socket()).and_then(|mut stream| {
                    stream.write_all(b"PING\r\n")?;
                    stream.read(&mut bytes)
                });
            if asked.is_ok() && bytes.starts_with(&answer.as_bytes()[..5]) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "no {answer}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Ends it as a power cut would, and gives back its files.
    pub(super) fn kill(mut self) -> tempfile::TempDir {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap())
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.folder.path().join("s")
    }

    pub(super) fn url(&self) -> RedisUrl {
        RedisUrl::of_socket(&self.socket())
    }

    pub(super) async fn live(&self) -> Live {
        self.live_at(PREFIX).await
    }

    pub(super) async fn live_at(&self, prefix: &str) -> Live {
        let config = LiveConfig {
            url: self.url(),
            prefix: prefix.to_owned(),
        };
        Live::connect(&config, Arc::new(RwLock::new(names())))
            .await
            .unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(folder: &tempfile::TempDir, options: &[&str]) -> Child {
    Command::new("redis-server")
        .args(["--port", "0", "--save", "", "--unixsocket", "s", "--dir"])
        .arg(folder.path())
        .args(options)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("redis-server is installed")
}

/// Some of the names that [`journey`] uses have a place, and some have not.
pub(super) fn names() -> Names {
    static NAMES: LazyLock<Names> = LazyLock::new(some_names);
    NAMES.clone()
}

fn some_names() -> Names {
    let limits = NameLimits {
        agents: 4,
        types: 2,
        tools: 4,
    };
    let today = Day::utc_of(now_ms());
    let mut names = Names::new(limits, Zone::utc(), today);
    // Ends of tests lie some days back, or are of tomorrow where midnight comes in between.
    for day in today.back(100).to(Day(today.0 + 2)) {
        for i in 0..9 {
            names.track(NameKind::Agent, day, &format!("agent-{i}"));
            names.track(NameKind::Type, day, &format!("type-{i}"));
            names.track(NameKind::Tool, day, &format!("Tool{i}"));
        }
    }
    names
}

pub(super) fn keys() -> Keyspace {
    Keyspace::new(PREFIX, Zone::utc())
}

pub(super) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_millis() as i64
}

pub(super) fn writes(changes: &[Arc<Change>]) -> Writes {
    Writes::of(changes, &names(), &keys(), IDLE_MS, now_ms())
}

pub(super) async fn set_cursor(live: &Live, cursor: &str) {
    let name = live.keys().name(Key::Cursor, &[]);
    ask(live, &["SET", &name, cursor]).await;
}

pub(super) async fn ask(live: &Live, words: &[&str]) -> Value {
    try_ask(live, words).await.unwrap()
}

pub(super) async fn try_ask(live: &Live, words: &[&str]) -> Result<Value, fred::error::Error> {
    let name = Box::leak(words[0].to_owned().into_boxed_str());
    live.client.custom(command(name), words[1..].to_vec()).await
}

/// Everything in a server: by key its type, its content and when it expires.
pub(super) type Dump = BTreeMap<String, (String, Vec<String>, i64)>;

pub(super) async fn dump(live: &Live) -> Dump {
    let mut dump = Dump::new();
    for name in ask(live, &["KEYS", "*"]).await.into_array() {
        let name = name.into_string().unwrap();
        let kind = ask(live, &["TYPE", &name]).await.into_string().unwrap();
        let expires = ask(live, &["EXPIRETIME", &name]).await.as_i64().unwrap();
        let of_redis = |of: &Kind| of.as_str() == kind;
        let kinds = [
            Kind::String,
            Kind::Set,
            Kind::SortedSet,
            Kind::Hash,
            Kind::List,
        ];
        let content = match kinds.iter().find(|of| of_redis(of)).unwrap() {
            Kind::Set => ask(live, &["SMEMBERS", &name]).await.into_array(),
            Kind::Hash => pairs(ask(live, &["HGETALL", &name]).await),
            other => {
                let mut content = live.read(*other, vec![name.clone()]).await.unwrap();
                let content = content.pop().unwrap();
                content.into_iter().map(Value::from).collect()
            }
        };
        let mut content: Vec<String> = content
            .into_iter()
            .map(|value| value.into_string().unwrap())
            .collect();
        if kind == "set" || kind == "hash" {
            content.sort();
        }
        dump.insert(name, (kind, content, expires));
    }
    dump
}

/// What is shown of those that run and have a deadline, the oldest start first.
pub(super) async fn active(live: &Live) -> Vec<Json> {
    let deadlines = vec![live.keys().name(Key::Deadlines, &[])];
    let ids = live
        .read(Kind::SortedSet, deadlines)
        .await
        .unwrap()
        .concat();
    let ids = ids.iter().step_by(2);
    let names = ids.map(|id| live.keys().name(Key::ActiveOf, &[id]));
    let contents = live.read(Kind::String, names.collect()).await.unwrap();
    let contents = contents.concat();
    let parsed = |content: &String| serde_json::from_str(content).unwrap();
    let mut active: Vec<Json> = contents.iter().map(parsed).collect();
    active.sort_by_key(|active| active["start_time"].to_string());
    active
}

/// The executions in a list of failures, the last change first.
pub(super) async fn failed(live: &Live, place: &str) -> Vec<Json> {
    let name = live.keys().name(Key::Errors, &[&place]);
    let mut content = live.read(Kind::List, vec![name]).await.unwrap();
    let entries = content.pop().unwrap();
    let entry = |entry: &String| serde_json::from_str(entry).unwrap();
    entries.iter().map(entry).collect()
}

/// Ids with milliseconds, the slowest first.
pub(super) async fn durations(live: &Live, place: &str) -> Vec<(String, u64)> {
    let name = live.keys().name(Key::Durations, &[&place]);
    let mut content = live.read(Kind::SortedSet, vec![name]).await.unwrap();
    let content = content.pop().unwrap();
    let pairs = content.chunks_exact(2);
    pairs
        .map(|pair| (pair[0].clone(), pair[1].parse().unwrap()))
        .collect()
}

fn pairs(hash: Value) -> Vec<Value> {
    let fields = hash.into_map().unwrap().inner();
    fields
        .into_iter()
        .map(|(field, value)| {
            let value = value.into_string().unwrap();
            Value::from(format!("{}={value}", field.into_string().unwrap()))
        })
        .collect()
}

/// As history would have it that knows none of the changes.
fn expected(changes: &[Arc<Change>]) -> Expected {
    let recent = Recent::default();
    let rows = Rows {
        hours: &[],
        days: &[],
        day_parts: &[],
        agents: &[],
        tools: &[],
        type_tools: &[],
        pairs: &[],
        recent: &recent,
    };
    let today = Day::utc_of(now_ms());
    let days: Vec<Day> = (0..7).map(|back| today.back(back)).collect();
    let running = Default::default();
    Expected::of(&rows, running, changes, &days, &names(), &keys(), now_ms())
}
