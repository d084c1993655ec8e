//! One run of one agent: the facts that events brought, how an event merges into them in any
//! order, and what the run adds to every bucket.
//!
//! A start and a stop are each taken once, and every number is derived from the two together.
//! That makes the order in which they arrive, and how often, meaningless.

mod bounds;
mod contribution;
mod details;
mod fact;
mod hook_facts;
mod hooked;
mod state;

pub use self::bounds::{MAX_ERROR_BYTES, few_names};
pub use self::contribution::{Contribution, PAIRED_TOOLS};
pub use self::details::Details;
pub use self::fact::{Fact, Origin, Start, Status, Stop, TokenUsage};
pub use self::hook_facts::{HookFacts, HookOwned, Reading, TurnFacts};
pub use self::state::{Catalog, Execution, Outcome, Resolved, UNKNOWN_AGENT, UNKNOWN_ERROR};

#[cfg(test)]
mod tests;
