//! Authentication and the record of who did what: API keys, tickets and the audit trail.
//!
//! Requests are checked in memory; the file is read at the start and written when a key is created
//! or revoked, and once a second with what has gathered.

mod audit;
mod control;
mod error;
mod grant;
mod key;
mod random;
mod store;
#[cfg(test)]
mod tests;
mod tickets;

pub use audit::{Action, Actor, Entry, Row};
pub use control::Access;
pub use error::Error;
pub use grant::Grant;
pub use key::{Key, NewKey, Scope, Scopes};
pub use store::check;
pub use tickets::TICKET_LIFE;
