//! The state as cells of a terminal: the head, then the list, a detail or the help, then the keys.

mod all;
mod detail;
pub mod head;
mod list;
mod paint;
mod put;
#[cfg(test)]
mod tests;

pub use all::draw;
pub use list::whole_percent;
