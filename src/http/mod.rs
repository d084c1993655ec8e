//! The HTTP doors: who may come in, what may be asked, how an answer looks. It knows no store:
//! reads are reports, writes go to the intake.

mod alerts;
mod body;
mod conditional;
pub mod control;
pub mod doors;
mod error;
mod hooks;
mod intake;
mod params;
mod probes;
mod queries;
mod reads;
mod router;
mod server;
mod stream;
mod timed;

use std::sync::Arc;

use crate::alert::board::Board;
use crate::flow::operations::Operations;
use crate::intake::Intake;
use crate::report::Reports;
use crate::report::stream::Stream;
use crate::report::system::System;
use body::Bodies;
use doors::Doors;
pub use router::router;
pub use server::{serve_control, serve_tcp};

/// What every request may need.
pub struct HttpState {
    pub reports: Arc<Reports>,
    pub system: Arc<System>,
    pub alerts: Arc<Board>,
    pub intake: Intake,
    pub operations: Operations,
    pub doors: Doors,
    pub stream: Stream,
    /// Connections at once, of each listener.
    pub max_connections: usize,
    bodies: Bodies,
}

impl HttpState {
    #[expect(
        clippy::too_many_arguments,
        reason = "each is another part of the daemon"
    )]
    pub fn new(
        reports: Arc<Reports>,
        system: Arc<System>,
        alerts: Arc<Board>,
        intake: Intake,
        operations: Operations,
        doors: Doors,
        stream: Stream,
        max_connections: usize,
    ) -> HttpState {
        HttpState {
            reports,
            system,
            alerts,
            intake,
            operations,
            doors,
            stream,
            max_connections,
            bodies: Bodies::default(),
        }
    }
}
