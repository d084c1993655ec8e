//! The health report.

mod report;
mod shape;

pub use report::{HealthInputs, build};
pub use shape::Health;
