//! Settings, in two types: as written (`raw`, a value and where it stands) and as resolved
//! ([`Config`], typed, within its bounds, every default filled in).
//!
//! The order is flags, environment, file, defaults. A key that no setting has is an error, wherever
//! it stands: a misspelt setting must not be a silent default.

mod alerts;
mod http;
mod raw;
mod redact;
mod resolve;
mod section;
mod unit;

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

pub use alerts::{Alerts, Webhook, WebhookFormat};
pub use http::{Http, RequireKey};
use raw::RawSettings;
pub use redact::Redact;
use resolve::Resolver;
pub use section::{
    Data, History, Journal, Limits, Log, LogFormat, Reaper, Redis, Socket, Spool, Tables,
    Transcript,
};
pub use unit::parse_duration;

/// The documented settings file; it names every key with its default.
pub const DEFAULT_FILE: &str = include_str!("../../../config/agentpulse.toml");

/// Two hundred times the documented file: a longer one is not a settings file.
const FILE_MAX_BYTES: u64 = 1 << 20;

/// Every setting, resolved: typed, within its bounds, defaults filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub data: Data,
    pub socket: Socket,
    pub http: Http,
    pub redis: Redis,
    pub journal: Journal,
    pub history: History,
    pub reaper: Reaper,
    pub limits: Limits,
    pub spool: Spool,
    pub transcript: Transcript,
    pub tables: Tables,
    pub redact: Redact,
    pub log: Log,
    pub alerts: Alerts,
    described: Vec<Setting>,
}

/// One setting as it was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    pub key: String,
    /// Passwords are masked.
    pub value: String,
    pub source: Source,
    /// A reload changes it; any other needs a restart.
    pub is_reloaded: bool,
}

/// Where a setting's value comes from; the later overrides the earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Default,
    File,
    Environment,
    Flag,
}

/// One line that names the place (file and line, variable or command line), the key, and
/// what it must be. It never holds the refused value: that may be a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct ConfigError {
    place: String,
    problem: String,
}

impl Config {
    /// Resolves every setting. `flags` are pairs of a dotted key (`http.listen`) and its value;
    /// `env` is the whole environment, of which the XDG folders and `HOME` are used too.
    ///
    /// # Errors
    /// A file that cannot be read or parsed, an unknown setting, a value out of its bounds.
    pub fn load(
        file: Option<&Path>,
        env: impl Iterator<Item = (String, String)>,
        flags: &[(String, String)],
    ) -> Result<Config, ConfigError> {
        let env: BTreeMap<String, String> = env.collect();
        let mut raw = RawSettings::default();
        if let Some(path) = file {
            raw.add_file(path, &read_file(path)?)?;
        }
        raw.add_environment(&env)?;
        raw.add_flags(flags);

        let mut resolver = Resolver::new(raw, absolute(&env, "HOME"));
        let data = Data::read(&mut resolver, &env)?;
        Ok(Config {
            socket: Socket::read(&mut resolver, &env, &data)?,
            http: Http::read(&mut resolver)?,
            redis: Redis::read(&mut resolver)?,
            journal: Journal::read(&mut resolver)?,
            history: History::read(&mut resolver)?,
            reaper: Reaper::read(&mut resolver)?,
            limits: Limits::read(&mut resolver)?,
            spool: Spool::read(&mut resolver, &data)?,
            transcript: Transcript::read(&mut resolver, &env)?,
            tables: Tables::read(&mut resolver)?,
            redact: Redact::read(&mut resolver)?,
            log: Log::read(&mut resolver)?,
            alerts: Alerts::read(&mut resolver)?,
            data,
            described: resolver.finish()?,
        })
    }

    /// Every setting as it was loaded, in the order of the documented file.
    pub fn describe(&self) -> &[Setting] {
        &self.described
    }
}

/// The settings file of the user whose environment this is, if there is one.
pub fn default_file(env: impl Iterator<Item = (String, String)>) -> Option<PathBuf> {
    let env: BTreeMap<String, String> = env.collect();
    let folder = absolute(&env, "XDG_CONFIG_HOME")
        .or_else(|| Some(absolute(&env, "HOME")?.join(".config")))?;
    let file = folder.join("agentpulse/agentpulse.toml");
    file.exists().then_some(file)
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Source::Default => "default",
            Source::File => "file",
            Source::Environment => "environment",
            Source::Flag => "flag",
        })
    }
}

impl ConfigError {
    fn new(place: impl Into<String>, problem: impl Into<String>) -> ConfigError {
        ConfigError {
            place: place.into(),
            problem: problem.into(),
        }
    }
}

fn read_file(path: &Path) -> Result<String, ConfigError> {
    let refuse = |problem: String| ConfigError::new(path.display().to_string(), problem);
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(FILE_MAX_BYTES + 1).read_to_string(&mut text))
        .map_err(|e| refuse(format!("cannot be read: {e}")))?;
    if text.len() as u64 > FILE_MAX_BYTES {
        return Err(refuse(format!("must be at most {FILE_MAX_BYTES} bytes")));
    }
    Ok(text)
}

/// A folder named by a variable. The XDG specification has an empty or relative one ignored.
fn absolute(env: &BTreeMap<String, String>, name: &str) -> Option<PathBuf> {
    env.get(name)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
}

#[cfg(test)]
mod tests;
