//! What the definitions were.

use std::sync::Arc;

use parking_lot::Mutex;

use agentpulse_store::registry::Store;
use agentpulse_store::sqlite;

use super::in_background;
use crate::error::Error;

/// Nothing is known where nothing is recorded.
#[derive(Clone, Default)]
pub struct Past(Option<Arc<Mutex<Store>>>);

impl Past {
    pub fn of(store: Store) -> Past {
        Past(Some(Arc::new(Mutex::new(store))))
    }

    pub(super) async fn read<T: Default + Send + 'static>(
        &self,
        ask: impl FnOnce(&Store) -> Result<T, sqlite::Error> + Send + 'static,
    ) -> Result<T, Error> {
        let Some(store) = self.0.clone() else {
            return Ok(T::default());
        };
        let answer = in_background(move || ask(&store.lock())).await?;
        answer.map_err(|error| Error::Unavailable(error.to_string()))
    }
}
