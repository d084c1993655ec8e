//! The daemon from its claim on the data folder to its release.

use std::future::Future;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tracing::{error, info};

use super::context::Site;
use super::failure::Failure;
use super::folder::{self, Folder};
use super::reload::Source;
use super::start::Daemon;
use super::stores::Stores;
use super::{access, files, http, redis, security};
use agentpulse_config::Config;

/// Signals to the running daemon.
pub struct Signals<F> {
    /// Resolves when it is to end.
    pub shutdown: F,
    /// Asks to read the settings again.
    pub hangups: mpsc::Receiver<()>,
    pub settings: Source,
}

/// Runs until the shutdown, then ends in order.
///
/// # Errors
/// What keeps the daemon from starting, and damage that it finds while it runs.
pub async fn run<F: Future<Output = ()>>(
    config: Config,
    signals: Signals<F>,
) -> Result<(), Failure> {
    if !config.redact.emails {
        agentpulse_redact::keep_emails();
    }
    files::allow(&config);
    let folder = Folder::claim(&config)?;
    folder::check_socket_is_free(&config)?;
    let access = Arc::new(access::open(&config)?);
    security::check_reach(&config, &access)?;
    let (listener, address) = http::listen(&config).await?;
    let stores = Stores::open(&config)?;
    folder.close_to_others()?;
    let redis = redis::connect_checked(&config, &stores).await?;
    let site = Site {
        config: &config,
        folder: &folder,
        redis: &redis,
        access: &access,
        address,
    };
    let outcome = serve(site, listener, stores, signals).await;
    redis.stop().await;
    folder.release();
    info!("stopped");
    outcome
}

async fn serve<F: Future<Output = ()>>(
    site: Site<'_>,
    listener: TcpListener,
    stores: Stores,
    signals: Signals<F>,
) -> Result<(), Failure> {
    let (hangups, settings) = (signals.hangups, signals.settings);
    let mut daemon = Daemon::start(site, listener, stores, hangups, settings).await?;
    let outcome = tokio::select! {
        () = signals.shutdown => Ok(()),
        failure = daemon.pipeline.failed() => Err(failure),
    };
    if let Err(failure) = &outcome {
        error!(%failure, "stopping");
    }
    daemon.stop().await;
    outcome
}
