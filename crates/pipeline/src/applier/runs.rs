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
            Runs::Writer(writer) => writer.running().await.map_err(ApplyError::Writer),
            Runs::Loaded(running) => Ok(running.all()),
        }
    }
}
