//! Signs of life, from the writer to the applier and to those who watch.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::domain::view::Active;
use crate::flow::heard::Heard;

/// Signs of life on their way to the live picture; of each execution the last.
#[derive(Default)]
pub struct Signs {
    live: Mutex<HashMap<String, Active>>,
    /// The same on their way to those who watch.
    pub heard: Heard,
}

impl Signs {
    /// `head` is the last change that was committed before.
    pub fn put(&self, active: Active, head: u64) {
        self.heard.put(&active, head);
        let mut signs = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        signs.insert(active.agent_id.clone(), active);
    }

    /// An execution that has ended gives no more signs: what waits is at most what runs.
    pub fn forget(&self, id: &str) {
        self.heard.forget(id);
        let mut signs = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        signs.remove(id);
    }

    pub fn take(&self) -> Vec<Active> {
        let mut signs = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *signs).into_values().collect()
    }
}
