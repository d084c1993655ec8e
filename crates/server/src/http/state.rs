//! What the handlers use.

use std::sync::Arc;

use tokio::sync::watch;

use super::body::Bodies;
use super::security::SecurityLayer;
use crate::intake::Intake;
use agentpulse_alerts::store::AlertStore;
use agentpulse_pipeline::operations::Operations;
use agentpulse_reports::Reports;
use agentpulse_reports::stream::Stream;
use agentpulse_reports::system::System;
use agentpulse_store::access::Access;

pub struct HttpState {
    pub reports: Arc<Reports>,
    pub system: Arc<System>,
    pub alerts: Arc<AlertStore>,
    pub intake: Intake,
    pub operations: Operations,
    pub access: Arc<Access>,
    /// A new one with each reload of the settings.
    pub security: watch::Receiver<Arc<SecurityLayer>>,
    pub stream: Stream,
    /// Connections at once, of each listener.
    pub max_connections: usize,
    pub bodies: Bodies,
}
