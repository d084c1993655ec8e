//! What runs, with the last heartbeats, which only memory has.

use std::sync::Arc;

use super::error::ApplyError;
use crate::running::{RunSnapshot, Running};
use crate::writer::WriterHandle;

/// Where it is asked for.
pub enum Runs {
    Writer(WriterHandle),
    /// As it was loaded: without a daemon nothing is recorded.
    Loaded(Arc<Running>),
}

impl Runs {
    pub async fn all(&self) -> Result<Vec<RunSnapshot>, ApplyError> {
        match self {
            Runs::Writer(writer) => {
                let running = writer.running().await;
                running.map_err(|error| ApplyError::Other(error.to_string()))
            }
            Runs::Loaded(running) => Ok(running.all()),
        }
    }
}
