//! What a task is, and what may be done to it: pure code, without input or output, without a clock.
//!
//! A [`task`] is taken by a worker, which holds it by a [`token`] until it completes it, fails it,
//! hands it back, or is silent for longer than its lease. The operations of [`work`] are the only
//! way from one status to another; each is refused where the status or the token does not allow it,
//! and changes nothing then.

#![warn(clippy::disallowed_methods)]

pub mod limits;
pub mod link;
pub mod order;
pub mod refusal;
pub mod retry;
pub mod settings;
pub mod status;
pub mod task;
pub mod token;
pub mod work;
