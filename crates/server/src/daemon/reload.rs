//! Reloads the settings while the daemon runs. All reloadable settings change together, or none
//! does.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tracing::{Level, error, info, warn};

use super::catalog::catalog;
use super::context::Context;
use super::failure::Failure;
use super::notify::Notifier;
use super::tasks::Tasks;
use super::{security, settings};
use crate::http::security::SecurityLayer;
use agentpulse_config::{Config, ConfigError, Setting};
use agentpulse_core::redis_url::RedisUrl;
use agentpulse_pipeline::clock::now_ms;
use agentpulse_pipeline::counters::Counters;
use agentpulse_pipeline::reload::{Command, ReloadState, Reloaded};
use agentpulse_pipeline::settings::RuntimeSettings;
use agentpulse_pipeline::writer::WriterHandle;
use agentpulse_store::access::{Access, Action, Actor, Entry};

/// Where settings come from, and where the log is.
pub struct Source {
    /// Resolves them as at the start: flags, environment, file.
    pub load: Box<dyn Fn() -> Result<Config, ConfigError> + Send + Sync>,
    pub set_log_level: Box<dyn Fn(Level) + Send + Sync>,
}

/// Where requests to reload arrive.
pub struct ReloadRequests {
    pub commands: mpsc::Receiver<Command>,
    pub hangups: mpsc::Receiver<()>,
}

/// Starts the task that reloads. Returns the security layer, a new one with each reload.
pub fn start(
    context: &Context,
    source: Source,
    settings: watch::Sender<Arc<RuntimeSettings>>,
    notifier: &Option<Arc<Notifier>>,
    requests: ReloadRequests,
    tasks: &mut Tasks,
) -> watch::Receiver<Arc<SecurityLayer>> {
    let (site, counters) = (&context.site, &context.parts.counters);
    let layer = security::layer(site.config, site.address, site.access, counters);
    let (layers, security) = watch::channel(Arc::new(layer));
    let reloader = Reloader {
        source: Arc::new(source),
        address: site.address,
        access: site.access.clone(),
        counters: counters.clone(),
        writer: context.writer.clone(),
        settings,
        security: layers,
        state: context.reloaded.clone(),
        notifier: notifier.clone(),
        active: ActiveSettings::of(site.config),
    };
    tasks.spawn(|stop| reloader.run(requests, stop));
    security
}

struct Reloader {
    source: Arc<Source>,
    /// The address that HTTP listens on.
    address: SocketAddr,
    access: Arc<Access>,
    counters: Arc<Counters>,
    writer: WriterHandle,
    settings: watch::Sender<Arc<RuntimeSettings>>,
    security: watch::Sender<Arc<SecurityLayer>>,
    state: Arc<ReloadState>,
    notifier: Option<Arc<Notifier>>,
    /// The settings in force.
    active: ActiveSettings,
}

/// Settings by their keys, and those that are not described as they are.
#[derive(Clone, PartialEq)]
struct ActiveSettings {
    described: BTreeMap<String, Setting>,
    redis_url: Option<RedisUrl>,
}

impl ActiveSettings {
    fn of(config: &Config) -> ActiveSettings {
        let described = config.describe().iter();
        let by_key = described.map(|setting| (setting.key.clone(), setting.clone()));
        ActiveSettings {
            described: by_key.collect(),
            // Described without its password, which may be what changed.
            redis_url: config.redis.url.clone(),
        }
    }

    /// Those of `other` that have another value here.
    fn differing<'a>(&self, other: &'a ActiveSettings) -> impl Iterator<Item = &'a Setting> {
        other.described.values().filter(|setting| {
            let here = self.described.get(&setting.key);
            here.is_none_or(|here| here.value != setting.value)
                || (setting.key == "redis.url" && self.redis_url != other.redis_url)
        })
    }

    /// Takes over what may change; returns the outcome.
    fn follow(&mut self, other: &ActiveSettings) -> Reloaded {
        let (changed, needs_restart): (Vec<_>, Vec<_>) = self
            .differing(other)
            .partition(|setting| setting.is_reloaded);
        for &setting in &changed {
            self.described.insert(setting.key.clone(), setting.clone());
        }
        let keys = |settings: Vec<&Setting>| settings.iter().map(|s| s.key.clone()).collect();
        Reloaded {
            changed: keys(changed),
            needs_restart: keys(needs_restart),
        }
    }
}

impl Reloader {
    /// Runs until `stop`. A `hangup` is a reload without anybody who waits for the answer.
    async fn run(mut self, mut requests: ReloadRequests, mut stop: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                Some(command) = requests.commands.recv() => {
                    let outcome = self.reload().await;
                    // The client may be gone; the log has the outcome.
                    drop(command.send(outcome));
                }
                Some(()) = requests.hangups.recv() => {
                    let outcome = self.reload().await;
                    self.note(outcome);
                }
                _ = stop.changed() => return,
            }
        }
    }

    async fn reload(&mut self) -> Result<Reloaded, String> {
        let notifier = self.notifier.as_deref();
        notifier.inspect(|notifier| notifier.reloading());
        let outcome = self.take().await;
        self.state.set(&outcome);
        self.notifier
            .as_deref()
            .inspect(|notifier| notifier.ready());
        match &outcome {
            Ok(reloaded) => {
                info!(changed = reloaded.changed.join(", "), "settings reloaded");
                if !reloaded.needs_restart.is_empty() {
                    let settings = reloaded.needs_restart.join(", ");
                    warn!(settings, "other settings need a restart");
                }
            }
            Err(reason) => error!(reason, "the new settings are rejected; the old ones stay"),
        }
        outcome
    }

    async fn take(&mut self) -> Result<Reloaded, String> {
        let (source, access) = (self.source.clone(), self.access.clone());
        let (address, counters) = (self.address, self.counters.clone());
        let read = move || {
            let config = (source.load)().map_err(|error| error.to_string())?;
            let outcome = |failure: Failure| failure.to_string();
            let catalog = Arc::new(catalog(&config).map_err(outcome)?);
            let layer = security::layer(&config, address, &access, &counters);
            Ok::<_, String>((settings::runtime(&config, catalog), layer, config))
        };
        let read = tokio::task::spawn_blocking(read).await;
        let (settings, security, config) = read.map_err(|error| error.to_string())??;
        let settings = Arc::new(settings);
        // The writer first: only it can be gone, and then nothing has changed.
        let sent = self.writer.reconfigure(settings.clone()).await;
        sent.map_err(|error| error.to_string())?;
        self.settings.send_replace(settings);
        self.security.send_replace(Arc::new(security));
        (self.source.set_log_level)(config.log.level);
        Ok(self.active.follow(&ActiveSettings::of(&config)))
    }

    fn note(&self, outcome: Result<Reloaded, String>) {
        let actor = Actor {
            who: "signal".to_owned(),
            origin: "SIGHUP".to_owned(),
        };
        let outcome = outcome.map(|reloaded| Some(reloaded.changed.join(", ")));
        let entry = Entry::of(Action::ConfigReloaded, actor, outcome, now_ms());
        let (access, counters) = (self.access.clone(), self.counters.clone());
        tokio::task::spawn_blocking(move || {
            if let Err(error) = access.note(entry) {
                counters.audit_failures.add(1);
                warn!(%error, "the audit trail could not be written");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn active(flags: &[(&str, &str)]) -> ActiveSettings {
        let home = [("HOME".to_owned(), "/h".to_owned())];
        let flags = flags
            .iter()
            .map(|&(key, value)| (key.to_owned(), value.to_owned()));
        let flags: Vec<_> = flags.collect();
        ActiveSettings::of(&Config::load(None, home.into_iter(), &flags).unwrap())
    }

    #[test]
    fn settings_that_need_a_restart_are_listed_until_reverted() {
        let mut now = active(&[]);
        let other = [
            ("log.level", "debug"),
            ("redis.url", "redis://u:a@h"),
            ("limits.tools", "7"),
        ];
        let outcome = now.follow(&active(&other));
        assert_eq!(outcome.changed, ["log.level"]);
        assert_eq!(outcome.needs_restart, ["limits.tools", "redis.url"]);
        let again = now.follow(&active(&other));
        assert_eq!(again.changed, [""; 0]);
        assert_eq!(again.needs_restart, outcome.needs_restart);
        let back = now.follow(&active(&[]));
        assert_eq!(
            (back.changed, back.needs_restart),
            (vec!["log.level".to_owned()], vec![])
        );
    }

    #[test]
    fn a_password_alone_is_another_url() {
        let mut now = active(&[("redis.url", "redis://u:a@h")]);
        let outcome = now.follow(&active(&[("redis.url", "redis://u:b@h")]));
        assert_eq!(outcome.needs_restart, ["redis.url"]);
    }
}
