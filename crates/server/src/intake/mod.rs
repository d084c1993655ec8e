//! How events come in: decoded and checked here, decided by the writer, answered when they are
//! in the journal.

mod answer;
mod decoded;
mod delivery;
mod document;
mod lines;
mod outbox;
pub mod socket;
pub mod spool;
mod spool_news;
mod submit;

pub use self::answer::{Answer, IngestCounts, IngestError, MAX_REFUSALS};
pub use self::decoded::MAX_LINE_BYTES;
pub use self::delivery::Deliveries;
pub use self::document::object;
pub use self::submit::Intake;
pub use agentpulse_pipeline::writer::Unavailable;
