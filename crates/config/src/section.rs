//! The sections of the settings: keys, defaults, and bounds with their reasons.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use tracing::Level;

use super::error::ConfigError;
use super::folder::{absolute, absolute_list};
use super::resolve::{Resolver, reloaded};
use agentpulse_contract::spool::DEFAULT_MAX_BYTES;
use agentpulse_contract::{data_folder, environment};
use agentpulse_core::redis_url::RedisUrl;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);
/// As long as an execution may take (`duration_ms` ends at 604,800,000).
const WEEK: Duration = Duration::from_secs(7 * 86_400);

/// `sun_path` holds one byte more, for the closing zero.
const SOCKET_PATH_MAX_BYTES: usize = if cfg!(target_os = "macos") { 103 } else { 107 };

/// Each connection is a task and a file descriptor; 65,536 are more than one user's agents open.
pub(super) const CONNECTIONS_MAX: usize = 65_536;

const PREFIX_MAX_BYTES: usize = 64;

#[derive(Clone, Debug, PartialEq)]
pub struct Data {
    pub dir: PathBuf,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Socket {
    pub path: PathBuf,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Redis {
    /// None: the daemon runs a private server of its own.
    pub url: Option<RedisUrl>,
    /// The private server's program; none: `valkey-server` or `redis-server` of `PATH`.
    pub server: Option<PathBuf>,
    /// Stands in front of every key; may hold a hash tag.
    pub prefix: String,
    /// Of the private server, in bytes.
    pub maxmemory: u64,
    /// Between two checks that it holds what was written.
    pub check_interval: Duration,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Journal {
    pub keep_rows: u64,
    pub keep: Duration,
}

#[derive(Clone, Debug, PartialEq)]
pub struct History {
    pub flush_interval: Duration,
    pub keep: Duration,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Reaper {
    pub idle_timeout: Duration,
    pub tool_timeout: Duration,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    pub agent_names: usize,
    pub agent_types: usize,
    pub tools: usize,
    /// Executions that may run at once.
    pub running: usize,
    /// Memory that they may take, in bytes.
    pub running_bytes: u64,
    /// Connections to the socket.
    pub connections: usize,
    /// Clients of the WebSockets.
    pub stream_clients: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Spool {
    pub path: PathBuf,
    pub max_bytes: u64,
}

/// Where the transcripts of agents may be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Transcript {
    pub roots: Vec<PathBuf>,
    pub max_bytes: u64,
}

/// What is counted of Claude Code.
#[derive(Clone, Debug, PartialEq)]
pub struct ClaudeCode {
    /// Turns of the main thread are executions.
    pub main_thread: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Log {
    pub level: Level,
    pub format: LogFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, else JSON.
    Auto,
    Text,
    Json,
}

impl Data {
    pub(super) fn read(
        r: &mut Resolver,
        env: &BTreeMap<String, String>,
    ) -> Result<Data, ConfigError> {
        let state_home = absolute(env, environment::XDG_STATE_HOME);
        let home = || absolute(env, environment::HOME);
        let dir = r.path("data.dir", || {
            data_folder::by_default(state_home, home).ok_or_else(|| {
                let problem = "data.dir must be set where neither XDG_STATE_HOME nor HOME is";
                ConfigError::new("default", problem)
            })
        })?;
        Ok(Data { dir })
    }
}

impl Socket {
    pub(super) fn read(
        r: &mut Resolver,
        env: &BTreeMap<String, String>,
        data: &Data,
    ) -> Result<Socket, ConfigError> {
        let folder =
            absolute(env, environment::XDG_RUNTIME_DIR).unwrap_or_else(|| data.dir.clone());
        let path = r.path("socket.path", || Ok(folder.join(data_folder::EVENT_SOCKET)))?;
        if path.as_os_str().len() > SOCKET_PATH_MAX_BYTES {
            let problem = format!("socket.path must be at most {SOCKET_PATH_MAX_BYTES} bytes");
            return Err(ConfigError::new(path.display().to_string(), problem));
        }
        Ok(Socket { path })
    }
}

impl Redis {
    pub(super) fn read(r: &mut Resolver) -> Result<Redis, ConfigError> {
        Ok(Redis {
            url: r.text(
                "redis.url",
                None,
                "empty, or redis://[user:password@]host[:port][/database], the same with \
                 rediss://, or unix://[user:password@]/path[?db=database]",
                parse_url,
                |url| url.as_ref().map_or(String::new(), RedisUrl::to_string),
            )?,
            server: r.optional_path("redis.server")?,
            prefix: r.text(
                "redis.prefix",
                String::new(),
                "at most 64 printable characters of ASCII without a space, *, ?, [, ] and \\",
                parse_prefix,
                String::clone,
            )?,
            check_interval: r.duration(
                reloaded("redis.check_interval"),
                Duration::from_secs(30),
                SECOND..=60 * MINUTE,
            )?,
            // The floor holds the timeline's 10,000 entries (1.3 MB), the server itself, and the
            // buffers of one batch.
            maxmemory: r.bytes("redis.maxmemory", 256 * MIB, 16 * MIB..=TIB)?,
        })
    }
}

impl Journal {
    pub(super) fn read(r: &mut Resolver) -> Result<Journal, ConfigError> {
        Ok(Journal {
            keep_rows: r.count(reloaded("journal.keep_rows"), 200_000, 1..=2_000_000)?,
            keep: r.duration(reloaded("journal.keep"), 15 * MINUTE, SECOND..=DAY)?,
        })
    }
}

impl History {
    pub(super) fn read(r: &mut Resolver) -> Result<History, ConfigError> {
        Ok(History {
            // Reads from history are as stale as this, and a flush costs a disk write.
            flush_interval: r.duration(
                reloaded("history.flush_interval"),
                2 * SECOND,
                SECOND / 10..=MINUTE,
            )?,
            // Redis' buckets of one agent live 8 days, and a rebuild takes them from history.
            keep: r.duration(reloaded("history.keep"), 400 * DAY, 8 * DAY..=3_650 * DAY)?,
        })
    }
}

impl Reaper {
    pub(super) fn read(r: &mut Resolver) -> Result<Reaper, ConfigError> {
        Ok(Reaper {
            idle_timeout: r.duration(
                reloaded("reaper.idle_timeout"),
                300 * SECOND,
                SECOND..=WEEK,
            )?,
            tool_timeout: r.duration(
                reloaded("reaper.tool_timeout"),
                30 * MINUTE,
                SECOND..=WEEK,
            )?,
        })
    }
}

impl Limits {
    pub(super) fn read(r: &mut Resolver) -> Result<Limits, ConfigError> {
        Ok(Limits {
            // Every name has keys of its own in Redis for each of 8 days.
            agent_names: r.count("limits.agent_names", 1_000, 1..=10_000)?,
            agent_types: r.count("limits.agent_types", 64, 1..=1_000)?,
            tools: r.count("limits.tools", 512, 1..=10_000)?,
            running: r.count(reloaded("limits.running"), 100_000, 1..=1_000_000)?,
            // A usual one takes about 1.2 KB, so that the default holds 100,000 of them.
            running_bytes: r.bytes(reloaded("limits.running_bytes"), 128 * MIB, MIB..=64 * GIB)?,
            connections: r.count("limits.connections", 1_024, 1..=CONNECTIONS_MAX)?,
            // Every client is sent every frame: of a hundred kilobytes, ten times a second.
            stream_clients: r.count("limits.stream_clients", 256, 1..=10_000)?,
        })
    }
}

impl Spool {
    pub(super) fn read(r: &mut Resolver, data: &Data) -> Result<Spool, ConfigError> {
        Ok(Spool {
            path: r.path("spool.path", || Ok(data.dir.join(data_folder::SPOOL)))?,
            // A few lines of 256 KiB must fit.
            max_bytes: r.bytes("spool.max_bytes", DEFAULT_MAX_BYTES, MIB..=64 * GIB)?,
        })
    }
}

impl Transcript {
    pub(super) fn read(
        r: &mut Resolver,
        env: &BTreeMap<String, String>,
    ) -> Result<Transcript, ConfigError> {
        let mut claude = absolute_list(env, "CLAUDE_CONFIG_DIR");
        if claude.is_empty() {
            claude.extend(absolute(env, "HOME").map(|home| home.join(".claude")));
        }
        let roots = claude.iter().map(|claude| claude.join("projects"));
        Ok(Transcript {
            roots: r.paths(reloaded("transcript.roots"), roots.collect())?,
            max_bytes: r.bytes(reloaded("transcript.max_bytes"), 256 * MIB, MIB..=64 * GIB)?,
        })
    }
}

impl ClaudeCode {
    pub(super) fn read(r: &mut Resolver) -> Result<ClaudeCode, ConfigError> {
        Ok(ClaudeCode {
            main_thread: r.flag(reloaded("claude_code.main_thread"), true)?,
        })
    }
}

impl Log {
    pub(super) fn read(r: &mut Resolver) -> Result<Log, ConfigError> {
        let levels = [
            ("error", Level::ERROR),
            ("warn", Level::WARN),
            ("info", Level::INFO),
            ("debug", Level::DEBUG),
            ("trace", Level::TRACE),
        ];
        let formats = [
            ("auto", LogFormat::Auto),
            ("text", LogFormat::Text),
            ("json", LogFormat::Json),
        ];
        Ok(Log {
            level: r.choice(reloaded("log.level"), ("info", Level::INFO), &levels)?,
            format: r.choice("log.format", ("auto", LogFormat::Auto), &formats)?,
        })
    }
}

fn parse_url(text: &str) -> Option<Option<RedisUrl>> {
    match text {
        "" => Some(None),
        text => RedisUrl::parse(text).map(Some),
    }
}

fn parse_prefix(text: &str) -> Option<String> {
    // The others are wildcards of SCAN: a rebuild must not delete a neighbour's keys.
    let plain = |c: char| c.is_ascii_graphic() && !"*?[]\\".contains(c);
    (text.len() <= PREFIX_MAX_BYTES && text.chars().all(plain)).then(|| text.to_string())
}
