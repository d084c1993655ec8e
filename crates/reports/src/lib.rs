//! The reports, one a file: where it is, its parameters, its answer, the rows that it fetches from
//! one of the two views, and a pure function that builds the answer from them. The daemon's own
//! metrics are in [`system`].

pub mod active;
mod agent;
mod answer;
pub mod by_kind;
mod cache;
pub mod client;
mod correlation;
pub mod costs;
pub mod current;
mod cursor;
pub mod daily;
mod endpoints;
mod error;
pub mod errors;
pub mod execution;
pub mod executions;
pub mod exposition;
pub mod facts;
pub mod failures;
pub mod health;
pub mod interval;
mod item;
mod known_labels;
mod metrics;
pub mod network;
pub mod performance;
pub mod probe;
pub mod registry;
mod report;
pub mod requests;
mod room;
#[cfg(test)]
mod samples;
pub mod selection;
mod service;
pub mod session;
pub mod sessions;
mod share;
mod source;
pub mod spent;
pub mod stream;
pub mod system;
mod tasks;
pub mod timeline;
pub mod tools;
pub mod top;
mod tree;
pub mod types;
mod window;
pub mod zoned;

pub use answer::Answer;
pub use endpoints::{Asked, ENDPOINTS, Query, Served};
pub use error::Error;
pub use service::Reports;
pub use source::{View, Views};
