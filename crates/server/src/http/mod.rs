//! The HTTP server: authentication, parameters, and the form of the answers. It knows no store:
//! reads are reports, writes go to the intake.

mod alerts;
mod audit;
pub mod authorizer;
mod body;
mod conditional;
pub mod control;
mod credential;
mod definitions;
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
mod registry;
mod room;
mod router;
mod seat;
pub mod security;
mod select;
mod server;
mod state;
mod status;
mod stream;
mod tasks;
mod tickets;
mod timed;
mod write_timeout;

pub use body::Bodies;
pub use router::router;
pub use server::{serve_control, serve_tcp};
pub use state::{Control, HttpState};

/// The OpenAPI document of the public routes.
pub fn document() -> serde_json::Value {
    openapi::document::document(&router::routes().described)
}
