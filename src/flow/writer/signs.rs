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

    pub fn take(&self) -> Vec<Active> {
        let mut signs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *signs).into_values().collect()
    }
}
