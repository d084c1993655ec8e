//! The transcripts of agents, read from their files.

mod door;
mod lines;
mod read;
mod sidecar;

pub use door::Unreadable;
pub use read::{read, turns};
pub use sidecar::{MAX_SIDECAR_BYTES, Sidecar, sidecar};

#[cfg(test)]
mod tests;
