//! The task queue: one writer, leases, and those who wait for tasks.
//!
//! Everything that changes a task goes through one thread with one connection. It takes what waits,
//! applies each operation by itself, commits once, and only then answers: what was acknowledged is
//! on the disk, and no two claims can see one task. Leases run on a clock that does not jump and
//! stands while the machine sleeps.

pub mod asked;
mod clock;
mod handle;
mod leases;
mod links;
pub mod liveness;
mod operation;
pub mod ops;
pub mod shown;
mod standing;
mod tally;
#[cfg(test)]
mod tests;
mod waiting;
mod writer;

pub use clock::Clock;
pub use handle::{CurrentSettings, Denied, Queue};
pub use operation::{Applied, Operation};
pub use standing::Standing;
pub use writer::{Writer, chance, open, open_by};
