//! The two WebSockets: the daemon's own stream, and the existing dashboard's dialect.

mod follow;
pub mod paths;
pub mod routes;
mod socket;
pub mod upgrade;
