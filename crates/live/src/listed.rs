//! What a batch does to the list of an agent: one entry an execution, however often it changed.

/// In the order of the last changes.
pub(super) struct Listed<T> {
    /// What is to stand in the list.
    newest: Vec<T>,
    /// What Redis holds of the same executions, and of those that leave the list.
    stale: Vec<T>,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Listed {
            newest: Vec::new(),
            stale: Vec::new(),
        }
    }
}

impl<T> Listed<T> {
    /// What the list is to hold of an execution, and what it held until now.
    pub(super) fn put(&mut self, newest: Option<T>, stale: Option<T>) {
        self.newest.extend(newest);
        self.stale.extend(stale);
    }

    pub(super) fn stale(&self) -> &[T] {
        &self.stale
    }

    /// The last `kept` of them, the newest last: the others would only be pushed out again.
    pub(super) fn newest(&self, kept: usize) -> &[T] {
        &self.newest[self.newest.len().saturating_sub(kept)..]
    }
}
