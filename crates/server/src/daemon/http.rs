//! HTTP: the page, the API and its WebSockets on TCP, and the control socket.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;

use super::context::Context;
use super::failure::{Failure, cannot_create};
use super::tasks::Tasks;
use crate::http::security::SecurityLayer;
use crate::http::{Bodies, HttpState, serve_control, serve_tcp};
use agentpulse_config::Config;
use agentpulse_contract::data_folder::TRASH;
use agentpulse_definitions::Client;
use agentpulse_registry::Editor;
use agentpulse_reports::stream;

/// Returns the listener and its address, whose port the system may have chosen.
pub async fn listen(config: &Config) -> Result<(TcpListener, SocketAddr), Failure> {
    let listen = config.http.listen;
    let bound = TcpListener::bind(listen).await;
    bound
        .and_then(|listener| listener.local_addr().map(|address| (listener, address)))
        .map_err(cannot_create(&format!("http.listen {listen}")))
}

pub fn start(
    context: &Context,
    listener: TcpListener,
    security: watch::Receiver<Arc<SecurityLayer>>,
    tasks: &mut Tasks,
) -> Result<(), Failure> {
    let site = &context.site;
    let watched = context.parts.watched(site.config, context.reports.clone());
    let (stream, hub) = stream::open(watched, tasks.stopped());
    tasks.spawn(|_| hub.run());
    let trash = site.config.data.dir.join(TRASH);
    let state = Arc::new(HttpState {
        reports: context.reports.clone(),
        system: context.system.clone(),
        alerts: context.parts.alerts.clone(),
        intake: context.intake(),
        readiness: context.readiness.clone(),
        reloaded: context.reloaded.clone(),
        control: context.control.clone(),
        access: site.access.clone(),
        security,
        stream,
        max_connections: site.config.http.max_connections,
        bodies: Bodies::default(),
        running: context.parts.running.clone(),
        queue: context.queue.clone(),
        editor: Editor::new(Client::built_in(None), trash),
    });
    let control = site.folder.bind_control()?;
    tasks.spawn(|stop| serve_control(control, state.clone(), stopped(stop)));
    tasks.spawn(|stop| serve_tcp(listener, state, stopped(stop)));
    Ok(())
}

async fn stopped(mut stop: watch::Receiver<bool>) {
    // Without a sender the daemon is gone, which is as good a reason to stop.
    let _ = stop.wait_for(|stop| *stop).await;
}
