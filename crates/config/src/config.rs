//! All settings, from a file, the environment and flags.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::alerts::Alerts;
use super::error::ConfigError;
use super::folder::absolute;
use super::http::Http;
use super::privacy::Privacy;
use super::raw::RawSettings;
use super::redact::Redact;
use super::registry::Registry;
use super::resolve::Resolver;
use super::section::{
    ClaudeCode, Data, History, Journal, Limits, Log, Reaper, Redis, Socket, Spool, Transcript,
};
use super::select::Select;
use super::setting::Setting;
use super::tables::Tables;
use super::tasks::Tasks;
use super::time::Time;

/// The documented settings file; it names every key with its default.
pub const DEFAULT_FILE: &str = include_str!("../../../config/agentpulse.toml");

/// Two hundred times the documented file: a longer one is no settings file and no table.
const FILE_MAX_BYTES: u64 = 1 << 20;

/// Every setting, resolved: typed, within its bounds, defaults filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub data: Data,
    pub time: Time,
    pub socket: Socket,
    pub http: Http,
    pub redis: Redis,
    pub journal: Journal,
    pub history: History,
    pub reaper: Reaper,
    pub limits: Limits,
    pub spool: Spool,
    pub transcript: Transcript,
    pub claude_code: ClaudeCode,
    pub registry: Registry,
    pub select: Select,
    pub tasks: Tasks,
    pub tables: Tables,
    pub redact: Redact,
    pub privacy: Privacy,
    pub log: Log,
    pub alerts: Alerts,
    described: Vec<Setting>,
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
            time: Time::read(&mut resolver)?,
            socket: Socket::read(&mut resolver, &env, &data)?,
            http: Http::read(&mut resolver)?,
            redis: Redis::read(&mut resolver)?,
            journal: Journal::read(&mut resolver)?,
            history: History::read(&mut resolver)?,
            reaper: Reaper::read(&mut resolver)?,
            limits: Limits::read(&mut resolver)?,
            spool: Spool::read(&mut resolver, &data)?,
            transcript: Transcript::read(&mut resolver, &env)?,
            claude_code: ClaudeCode::read(&mut resolver)?,
            registry: Registry::read(&mut resolver, &env)?,
            select: Select::read(&mut resolver)?,
            tasks: Tasks::read(&mut resolver)?,
            tables: Tables::read(&mut resolver, &data)?,
            redact: Redact::read(&mut resolver)?,
            privacy: Privacy::read(&mut resolver, &env)?,
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

pub(super) fn read_file(path: &Path) -> Result<String, ConfigError> {
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
