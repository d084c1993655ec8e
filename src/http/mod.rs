//! The HTTP doors: who may come in, what may be asked, how an answer looks. It knows no store:
//! reads are reports, writes go to the intake.

mod alerts;
mod audit;
mod body;
mod conditional;
pub mod control;
mod credential;
pub mod doors;
mod error;
pub mod gate;
pub mod guard;
pub mod headers;
mod hooks;
mod intake;
mod keys;
mod limit;
mod openapi;
mod page;
mod params;
mod patience;
mod probes;
mod queries;
mod reads;
mod room;
mod router;
mod seat;
mod server;
mod stream;
mod tickets;
mod timed;

use std::sync::Arc;

use tokio::sync::watch;

use crate::access::Access;
use crate::alert::board::Board;
use crate::flow::operations::Operations;
use crate::intake::Intake;
use crate::report::Reports;
use crate::report::stream::Stream;
use crate::report::system::System;
pub use body::Bodies;
use guard::Guard;
pub use params::Params;
pub use router::router;
pub use server::{serve_control, serve_tcp};

/// What every request may need.
pub struct HttpState {
    pub reports: Arc<Reports>,
    pub system: Arc<System>,
    pub alerts: Arc<Board>,
    pub intake: Intake,
    pub operations: Operations,
    pub access: Arc<Access>,
    /// Another one when the settings are read again.
    pub guard: watch::Receiver<Arc<Guard>>,
    pub stream: Stream,
    /// Connections at once, of each listener.
    pub max_connections: usize,
    pub bodies: Bodies,
}
