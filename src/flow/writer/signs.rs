//! Signs of life, from the writer to the applier.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::domain::view::Active;

/// Signs of life on their way to the live picture; of each execution the last.
#[derive(Default)]
pub struct Signs(Mutex<HashMap<String, Active>>);

impl Signs {
    pub fn put(&self, active: Active) {
        let mut signs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        signs.insert(active.agent_id.clone(), active);
    }

    /// An execution that has ended gives no more signs: what waits is at most what runs.
    pub fn forget(&self, id: &str) {
        let mut signs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        signs.remove(id);
    }

    pub fn take(&self) -> Vec<Active> {
        let mut signs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *signs).into_values().collect()
    }
}
