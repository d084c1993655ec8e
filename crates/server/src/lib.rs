//! The daemon: sockets, HTTP, and the order in which everything starts and ends.

pub mod daemon;
pub mod http;
pub mod intake;
