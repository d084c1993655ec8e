//! History as of one moment.

use std::path::PathBuf;

use super::error::ApplyError;
use agentpulse_store::history::{self, Reader};

/// Reads history as of one moment, each time with a reader of its own: a million executions take
/// seconds, and others want answers.
#[derive(Clone)]
pub struct HistorySnapshots(pub PathBuf);

impl HistorySnapshots {
    /// Returns also up to which change history then reached.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, history::Error> + Send + 'static,
    ) -> Result<(u64, T), ApplyError> {
        let path = self.0.clone();
        let read = move || -> Result<(u64, T), history::Error> {
            Reader::open(&path)?.snapshot(|reader| {
                let seq = reader.cursor()?.map_or(0, |cursor| cursor.seq);
                Ok((seq, read(reader)?))
            })
        };
        match tokio::task::spawn_blocking(read).await {
            Ok(found) => found.map_err(|error| ApplyError::History(error.to_string())),
            Err(error) => Err(ApplyError::History(error.to_string())),
        }
    }
}
