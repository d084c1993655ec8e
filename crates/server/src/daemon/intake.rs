//! The event socket and the spool.

use std::sync::atomic::Ordering;

use tracing::warn;

use super::context::Context;
use super::failure::Failure;
use super::folder::BoundSocket;
use super::tasks::Tasks;
use crate::intake::socket;
use crate::intake::spool::Spool;

/// Takes in what hooks have spooled, and only then opens the socket: what waited comes first.
pub async fn start(context: &Context<'_>, tasks: &mut Tasks) -> Result<BoundSocket, Failure> {
    let (config, intake) = (context.site.config, context.intake());
    let folder = config.spool.path.clone();
    let mut spool = Spool::new(folder, &config.socket.path, intake.clone());
    spool.tell_bound(config.spool.max_bytes);
    if let Err(unavailable) = spool.drain().await {
        warn!(%unavailable, "the spool could not be emptied");
    }
    let (listener, bound) = context.site.folder.bind_socket(config)?;
    context.readiness.open.store(true, Ordering::Release);
    let connections = config.limits.connections;
    tasks.spawn(|stop| socket::serve(listener, intake, connections, stop));
    tasks.spawn(|stop| spool.watch(stop));
    Ok(bound)
}
