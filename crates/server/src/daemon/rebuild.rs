//! Rebuilds the live view without a daemon.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use super::failure::Failure;
use super::folder::Folder;
use super::parts::Parts;
use super::pipeline::VIEWS_DEADLINE;
use super::stores::Stores;
use super::{access, redis, settings};
use agentpulse_config::Config;
use agentpulse_contract::exit;
use agentpulse_pipeline::applier::Runs;
use agentpulse_pipeline::live_state::LiveState;
use agentpulse_store::access::Action;

const TELL_EVERY: Duration = Duration::from_millis(200);

/// Rebuilds the live view without a daemon. `shown` is called now and then with the per cent that
/// are done.
///
/// # Errors
/// As [`run`](super::run()); also while a daemon runs on the folder.
pub async fn rebuild_offline(
    config: Config,
    force: bool,
    shown: impl FnMut(u64),
) -> Result<(), Failure> {
    let folder = Folder::claim_existing(&config)?;
    let access = access::open(&config)?;
    let stores = Stores::open(&config)?;
    let redis = match force {
        true => redis::connect(&config, &stores.names).await?,
        false => redis::connect_checked(&config, &stores).await?,
    };
    let runtime = settings::runtime(&config, stores.catalog.clone());
    let (_settings, watched) = watch::channel(Arc::new(runtime));
    let parts = Parts::new(&stores, watched);
    stores.memory(parts.running.clone(), &parts.live_usage)?;
    let runs = Runs::Loaded(parts.running.clone());
    let mut applier = parts.applier(&stores, &redis.live, runs)?;
    let rebuild = applier.rebuild_once(force);
    let outcome = report_progress(rebuild, &parts.state, shown).await;
    if outcome.is_ok() {
        let _ = timeout(VIEWS_DEADLINE, applier.catch_up()).await;
    }
    redis.stop().await;
    folder.release();
    access::note_offline(&access, Action::Rebuild, outcome.clone());
    outcome.map_err(|reason| Failure::new(exit::NO_REDIS, reason))
}

/// Waits for the end of a rebuild, and reports its progress.
async fn report_progress<T>(
    end: impl Future<Output = T>,
    state: &LiveState,
    mut shown: impl FnMut(u64),
) -> T {
    let mut end = pin!(end);
    loop {
        match timeout(TELL_EVERY, &mut end).await {
            Ok(answer) => return answer,
            Err(_) => state.rebuilt_percent().into_iter().for_each(&mut shown),
        }
    }
}
