//! Asks a running daemon over its control socket, and reads its answers by the types that the
//! daemon itself writes.

mod control;
mod error;
mod exchange;
pub mod path;

pub use control::{Answer, Cached, Control, LONG, QUICK};
pub use error::AskError;
