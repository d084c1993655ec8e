//! Settings, in two types: as written (`raw`, a value and where it stands) and as resolved
//! ([`Config`], typed, within its bounds, every default filled in).
//!
//! The order is flags, environment, file, defaults. A key that no setting has is an error, wherever
//! it stands: a misspelt setting must not be a silent default.

mod alerts;
mod config;
mod error;
mod folder;
mod http;
mod privacy;
mod raw;
mod redact;
mod registry;
mod resolve;
mod section;
mod select;
mod setting;
mod tables;
mod tasks;
#[cfg(test)]
mod tests;
mod time;
mod unit;

pub use alerts::{Alerts, Webhook, WebhookFormat};
pub use config::{Config, DEFAULT_FILE};
pub use error::ConfigError;
pub use folder::default_file;
pub use http::{Http, RequireKey};
pub use privacy::Privacy;
pub use redact::Redact;
pub use registry::Registry;
pub use section::{
    ClaudeCode, Data, History, Journal, Limits, Log, LogFormat, Reaper, Redis, Socket, Spool,
    Transcript,
};
pub use select::Select;
pub use setting::{Setting, Source};
pub use tables::{Tables, prices_of};
pub use tasks::Tasks;
pub use time::{Time, ZoneSetting};
pub use unit::parse_duration;
