//! What the handlers use.

use std::sync::Arc;

use tokio::sync::watch;

use super::body::Bodies;
use super::security::SecurityLayer;
use crate::intake::Intake;
use agentpulse_alerts::store::AlertStore;
use agentpulse_pipeline::applier::ApplierHandle;
use agentpulse_pipeline::backup::Backups;
use agentpulse_pipeline::flusher::FlusherHandle;
use agentpulse_pipeline::readiness::Readiness;
use agentpulse_pipeline::reload::{ReloadHandle, ReloadState};
use agentpulse_pipeline::running::Running;
use agentpulse_queue::Queue;
use agentpulse_registry::Editor;
use agentpulse_reports::Reports;
use agentpulse_reports::stream::Stream;
use agentpulse_reports::system::System;
use agentpulse_store::access::Access;

pub struct HttpState {
    pub reports: Arc<Reports>,
    pub system: Arc<System>,
    pub alerts: Arc<AlertStore>,
    pub intake: Intake,
    pub readiness: Readiness,
    pub reloaded: Arc<ReloadState>,
    pub control: Control,
    pub access: Arc<Access>,
    /// A new one with each reload of the settings.
    pub security: watch::Receiver<Arc<SecurityLayer>>,
    pub stream: Stream,
    /// Connections at once, of each listener.
    pub max_connections: usize,
    pub bodies: Bodies,
    pub running: Arc<Running>,
    /// None where it cannot be opened.
    pub queue: Option<Arc<Queue>>,
    /// Of definitions.
    pub editor: Editor,
}

/// The tasks that carry out what is asked for on the control socket.
#[derive(Clone)]
pub struct Control {
    pub applier: ApplierHandle,
    pub flusher: FlusherHandle,
    pub reload: ReloadHandle,
    pub backups: Arc<Backups>,
}
