//! `registry.db`: what the definitions of agents were, and when; and the selections that were asked
//! for, with their outcomes.
//!
//! What they are now is in the files. Without this database the past is lost, and nothing that a
//! scan finds.

mod schema;
mod selections;
mod store;
#[cfg(test)]
mod tests;

pub use schema::check;
pub use selections::{
    Counted, Kept, Reported, Run, Selections, Settled, Shown, Word, new_selection_id,
};
pub use store::{Found, InForce, Store, Version};
