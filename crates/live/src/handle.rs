//! The handle of the live view: the batches that are applied, what is deleted, and how scripts run.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use fred::clients::{Client, WithOptions};
use fred::interfaces::{ClientLike, KeysInterface};
use fred::types::scripts::Script;
use fred::types::{CustomCommand, InfoKind, Value};
use parking_lot::RwLock;

use super::connection::Connection;
use super::error::Error;
use super::facts::{Facts, field};
use super::keys::{Key, Keyspace};
use super::shown;
use super::writes::Writes;
use agentpulse_core::names::Names;
use agentpulse_core::redis_url::RedisUrl;
use agentpulse_core::view::Active;

/// Keys of one SCAN and one call of the script that deletes: below a millisecond of Redis's time.
const CLEARED_AT_ONCE: usize = 1_000;
/// Executions of one call of the progress script, for the same reason; and their bytes, which are
/// copied several times on the way.
const PROGRESS_AT_ONCE: usize = 500;
const PROGRESS_BYTES_AT_ONCE: usize = 1 << 20;

pub(super) static ALLOWED: LazyLock<Script> =
    LazyLock::new(|| Script::from_lua(include_str!("../../../lua/allowed.lua")));
static APPLY: LazyLock<Script> =
    LazyLock::new(|| Script::from_lua(include_str!("../../../lua/apply.lua")));
static CLEAR: LazyLock<Script> =
    LazyLock::new(|| Script::from_lua(include_str!("../../../lua/clear.lua")));
static PROGRESS: LazyLock<Script> =
    LazyLock::new(|| Script::from_lua(include_str!("../../../lua/progress.lua")));
pub(super) static CURRENT: LazyLock<Script> =
    LazyLock::new(|| Script::from_lua(include_str!("../../../lua/current.lua")));
pub(super) static READ: LazyLock<Script> =
    LazyLock::new(|| Script::from_lua(include_str!("../../../lua/read.lua")));

#[derive(Clone, Debug)]
pub struct LiveConfig {
    pub url: RedisUrl,
    /// In front of every key.
    pub prefix: String,
}

/// A handle; its clones share one connection, which ends with the last of them.
#[derive(Clone)]
pub struct Live {
    pub(super) client: WithOptions<Client>,
    pub(super) connection: Arc<Connection>,
    pub(super) keys: Keyspace,
    pub(super) names: Arc<RwLock<Names>>,
}

impl Live {
    /// Waits a moment for the first connection, and goes on without one: Redis may be away. An
    /// error is a URL that names no server.
    ///
    /// `names`: whose keys are read.
    pub async fn connect(config: &LiveConfig, names: Arc<RwLock<Names>>) -> Result<Live, Error> {
        let (connection, client) = Connection::open(&config.url).await?;
        let zone = names.read().zone().clone();
        Ok(Live {
            client,
            connection: Arc::new(connection),
            keys: Keyspace::new(&config.prefix, zone),
            names,
        })
    }

    pub fn keys(&self) -> &Keyspace {
        &self.keys
    }

    /// Whether this server can serve us. One that drops keys to make room would lose counts and
    /// keep the cursor that says they are there. Returns `None` if it is not allowed to ask,
    /// as users of managed servers often are not.
    pub async fn check(&self) -> Result<Option<Facts>, Error> {
        let info = self.ask(self.client.info::<String>(Some(InfoKind::Default)));
        let facts = match info.await {
            Err(error) if error.is_denied() => None,
            info => Some(Facts::read(&info?)?),
        };
        facts.as_ref().map_or(Ok(()), Facts::are_fit)?;
        self.check_commands().await?;
        Ok(facts)
    }

    /// Whether it answers within the deadline.
    pub async fn ping(&self, deadline: Duration) -> Result<(), Error> {
        let pong = self.ask(self.client.ping::<Value>(None));
        match tokio::time::timeout(deadline, pong).await {
            Ok(answer) => answer.map(|_| ()),
            Err(_) => Err(Error::away(format!(
                "no answer to a ping within {} ms",
                deadline.as_millis()
            ))),
        }
    }

    /// How far the journal is applied, or the mark of a rebuild; nothing in an empty Redis.
    pub async fn cursor(&self) -> Result<Option<String>, Error> {
        self.ask(self.client.get(self.cursor_name())).await
    }

    /// Applies a batch, if the cursor is `from`, and moves it `to` its end. Answers the cursor as
    /// it is then, whatever it is. After an error the batch may or may not have been applied:
    /// asking again shows which, and does no harm.
    pub async fn apply(&self, from: &str, to: &str, writes: Writes) -> Result<String, Error> {
        let mut names = Vec::with_capacity(1 + writes.sections.len());
        let (mut args, mut texts) = (Vec::new(), Vec::new());
        names.push(self.cursor_name());
        for section in writes.sections {
            names.push(section.encode(&mut args, &mut texts));
        }
        let args = rmp_serde::to_vec(&args).expect("texts and numbers, into memory");
        let args = [from.into(), to.into(), Value::Bytes(args.into())];
        let args = args.into_iter().chain(texts.into_iter().map(Value::from));
        match self.run(&APPLY, names, args).await? {
            Value::String(cursor) => Ok(cursor.to_string()),
            other => Err(Error::broken(format!("apply answers {other:?}"))),
        }
    }

    /// Deletes every key of the table under our prefix but the cursor, in small steps, and says how
    /// many they were. Keys of anybody else stay, whatever they hold. Each step deletes only while
    /// the cursor is `mark`: one that lands late must not empty what was made since.
    /// Returns `None` if the cursor is another one.
    pub async fn clear(&self, mark: &str) -> Result<Option<u64>, Error> {
        let mut cleared = 0;
        let mut page = Some("0".to_owned());
        while let Some(at) = page {
            let ours;
            (page, ours) = self.page(at).await?;
            // A page may hold more than was asked for.
            for ours in ours.chunks(CLEARED_AT_ONCE) {
                let names = [self.cursor_name()].into_iter().chain(ours.iter().cloned());
                let answer = self.run(&CLEAR, names.collect(), vec![mark.to_owned()]);
                let Some(count) = answer.await?.as_u64() else {
                    return Ok(None);
                };
                cleared += count;
            }
        }
        Ok(Some(cleared))
    }

    /// A key of the table under our prefix that is not the cursor, if there is one. Where there is
    /// none, all keys of the server have been checked.
    pub async fn any_key(&self) -> Result<Option<String>, Error> {
        let mut page = Some("0".to_owned());
        while let Some(at) = page {
            let ours;
            (page, ours) = self.page(at).await?;
            if let Some(key) = ours.into_iter().next() {
                return Ok(Some(key));
            }
        }
        Ok(None)
    }

    /// The next page of a SCAN, if there is one, and which keys of this one are of the table.
    pub(super) async fn page(&self, at: String) -> Result<(Option<String>, Vec<String>), Error> {
        let page = self.client.scan_page::<(String, Vec<Value>), _, _>(
            at,
            self.keys.glob(),
            Some(CLEARED_AT_ONCE as u32),
            None,
        );
        let (next, names) = self.ask(page).await?;
        let ours = names
            .into_iter()
            .filter_map(|name| name.into_string())
            .filter(|name| matches!(self.keys.recognize(name), Some(key) if key != Key::Cursor));
        Ok(((next != "0").then_some(next), ours.collect()))
    }

    /// Notes heartbeats of executions that run, and says how many of them were there. Those that
    /// have ended stay so.
    pub async fn progress(&self, active: impl Iterator<Item = Active>) -> Result<u64, Error> {
        let mut active = active.peekable();
        let mut noted = 0;
        while active.peek().is_some() {
            let mut names = vec![self.keys.name(Key::Deadlines, &[])];
            let mut args = Vec::new();
            let mut bytes = 0;
            while names.len() <= PROGRESS_AT_ONCE
                && bytes < PROGRESS_BYTES_AT_ONCE
                && let Some(active) = active.next()
            {
                let deadline_ms = active.deadline_ms.unwrap_or(0);
                names.push(self.keys.name(Key::ActiveOf, &[&active.agent_id]));
                let json = shown::running(&active);
                bytes += json.len();
                args.extend([
                    active.agent_id,
                    json,
                    Key::ActiveOf.expires_s(deadline_ms).to_string(),
                    shown::score_s(deadline_ms),
                ]);
            }
            let answer = self.run(&PROGRESS, names, args).await?;
            noted += answer.as_u64().unwrap_or(0);
        }
        Ok(noted)
    }

    /// Bytes in use, and at most; 0 is no bound. Returns `None` if it is not allowed to ask.
    pub async fn memory(&self) -> Result<Option<(u64, u64)>, Error> {
        let info: String = match self.ask(self.client.info(Some(InfoKind::Memory))).await {
            Err(error) if error.is_denied() => return Ok(None),
            info => info?,
        };
        let bytes = |name| field(&info, name).and_then(|bytes| bytes.parse().ok());
        match (bytes("used_memory"), bytes("maxmemory")) {
            (Some(used), Some(most)) => Ok(Some((used, most))),
            _ => Err(Error::unfit("INFO does not report its memory")),
        }
    }

    pub(super) fn cursor_name(&self) -> String {
        self.keys.name(Key::Cursor, &[])
    }

    /// Runs a script, and sends its text when the server does not have it: it forgets its scripts
    /// with SCRIPT FLUSH and with a restart. To load it and then to run it by its hash would fail
    /// where it is forgotten in between.
    pub(super) async fn run<T: Into<Value>>(
        &self,
        script: &Script,
        names: Vec<String>,
        args: impl IntoIterator<Item = T>,
    ) -> Result<Value, Error> {
        let count = Value::from(names.len() as i64);
        let call: Vec<Value> = [Value::from(script.sha1().clone()), count]
            .into_iter()
            .chain(names.into_iter().map(Value::from))
            .chain(args.into_iter().map(Into::into))
            .collect();
        // On the heap: the client's futures are so large that a report of a few would not fit a
        // thread's stack.
        match Box::pin(self.client.custom(command("EVALSHA"), call.clone())).await {
            Err(error) if error.details().starts_with("NOSCRIPT") => {}
            answer => return answer.map_err(|error| self.connection.explain(error)),
        }
        let mut whole = call;
        whole[0] = Value::from(script.lua().map_or("", |lua| lua));
        self.ask(self.client.custom(command("EVAL"), whole)).await
    }

    pub(super) async fn ask<T>(
        &self,
        answer: impl Future<Output = Result<T, fred::error::Error>>,
    ) -> Result<T, Error> {
        Box::pin(answer)
            .await
            .map_err(|error| self.connection.explain(error))
    }
}

pub(super) fn texts(value: Value) -> Result<Vec<String>, Error> {
    value
        .into_array()
        .into_iter()
        .map(|value| value.into_string())
        .collect::<Option<_>>()
        .ok_or_else(|| Error::broken("a value is no text"))
}

/// The client's own functions for scripts cannot be set to fail at once without a connection.
pub(super) fn command(name: &'static str) -> CustomCommand {
    CustomCommand::new_static(name, None::<u16>, false)
}
