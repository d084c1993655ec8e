//! Which agent should take a task, and why: pure code, without input or output, without a clock.
//!
//! The words of a task are looked up in an [`index`] of definitions. For each [`candidate`] there are
//! seven factors of 0 to 1, which [`weights`] sum up; what was [learned](learning) of outcomes
//! corrects the sum within a bound. The answer says what each factor added: a score is the sum of
//! its contributions.

#![warn(clippy::disallowed_methods)]

pub mod cache;
pub mod candidate;
pub mod document;
pub mod experience;
mod explore;
pub mod index;
pub mod learning;
pub mod phase;
pub mod query;
pub mod request;
pub mod reward;
pub mod roster;
pub mod select;
mod vocabulary;
pub mod weights;
pub mod words;
