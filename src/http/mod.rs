//! The HTTP doors: who may come in, what may be asked, how an answer looks. It knows no store:
//! reads are reports, writes go to the intake.

mod body;
mod conditional;
pub mod control;
pub mod doors;
mod error;
mod hooks;
mod intake;
mod page;
mod params;
mod probes;
mod queries;
mod reads;
mod router;
mod server;
mod stream;
mod timed;

use std::sync::Arc;

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
    pub system: System,
    pub intake: Intake,
    pub operations: Operations,
    pub doors: Doors,
    pub stream: Stream,
    /// Connections at once, of each listener.
    pub max_connections: usize,
    bodies: Bodies,
}

impl HttpState {
    pub fn new(
        reports: Arc<Reports>,
        system: System,
        intake: Intake,
        operations: Operations,
        doors: Doors,
        stream: Stream,
        max_connections: usize,
    ) -> HttpState {
        HttpState {
            reports,
            system,
            intake,
            operations,
            doors,
            stream,
            max_connections,
            bodies: Bodies::default(),
        }
    }
}
