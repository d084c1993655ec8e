//! The HTTP server: authentication, parameters, and the form of the answers. It knows no store:
//! reads are reports, writes go to the intake.

mod alerts;
mod audit;
pub mod authorizer;
mod body;
mod conditional;
pub mod control;
mod credential;
mod error;
pub mod headers;
mod hooks;
mod intake;
mod keys;
mod limit;
mod openapi;
pub mod origin;
mod page;
mod probes;
mod reads;
mod room;
mod router;
mod seat;
pub mod security;
mod server;
mod stream;
mod tickets;
mod timed;
mod write_timeout;

use std::sync::Arc;

use tokio::sync::watch;

use crate::intake::Intake;
use agentpulse_alerts::store::AlertStore;
use agentpulse_pipeline::operations::Operations;
use agentpulse_reports::Reports;
use agentpulse_reports::stream::Stream;
use agentpulse_reports::system::System;
use agentpulse_store::access::Access;
pub use body::Bodies;
pub use router::router;
use security::SecurityLayer;
pub use server::{serve_control, serve_tcp};

/// What the handlers use.
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
