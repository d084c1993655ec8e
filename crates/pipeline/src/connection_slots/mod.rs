//! Who holds one of a bounded number of connections, and who gives it up to another.
//!
//! A connection is idle while its client owes a request, works while the daemon owes the answer,
//! and is stalled while the client owes the rest of its request or does not read. When all places
//! are taken, a new connection takes the place of one that is idle, and a request takes the place
//! of one that is stalled. What works is never closed for another.
//!
//! First come those without a key, of these who holds the most places, of theirs the one that has
//! been so the longest: a client that opens thousands competes with itself.

mod holder;
mod slots;
mod table;

pub use self::holder::{ConnectionHolder, Rank};
pub use self::slots::{Full, Place, Places, Reserve, STALLED_AFTER};
