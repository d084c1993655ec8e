//! A word that is searched for.

use crate::words::Alternative;

/// A word of the task with all that finds it.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryTerm {
    /// As it was written.
    pub word: String,
    pub term: String,
    /// What the word counts beside the others.
    pub weight: f64,
    /// The terms of the index that stand for it, and how much each counts of it. Empty if no
    /// definition has any.
    pub found_by: Vec<Alternative>,
}
