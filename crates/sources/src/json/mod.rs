//! JSON from outside: of a text only what is read is built, and that is bounded.

mod object;
mod reason;
mod tree;

pub use self::object::{Object, Text, items, scalar};
pub use self::reason::reason;
pub use self::tree::{MAX_PARTS, nesting, tree};
