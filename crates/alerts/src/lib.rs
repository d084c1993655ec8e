//! Alerts for those without Prometheus:
//!
//! ```text
//! collect ──inputs──▶ rules (pure) ──levels──▶ machine (pure) ──▶ store ──▶ HTTP, the stream
//!                                                       └──news──▶ the log, webhooks
//! ```
//!
//! Every two seconds all rules are evaluated. An alert is pending while its condition holds, fires
//! once that has lasted for as long as the rule says, and is resolved when its value has come back
//! by a tenth of its threshold. An unknown value changes nothing. Alerts are in memory only: after
//! a restart the alerts that still hold fire and notify again; the resolved ones are forgotten.

mod alerting;
mod baseline;
mod collect;
mod definitions;
mod inputs;
mod machine;
pub mod notify;
mod post;
mod rules;
pub mod store;
mod tasks;

pub use self::alerting::Alerting;
pub use self::collect::{Collector, Followed};
