//! Claude Code: the payloads of its hooks, its transcripts, and the files beside them.

mod background;
mod hooks;
mod sidecar;
pub mod transcript;

pub use self::hooks::NAME;
pub(crate) use self::hooks::translate;
pub use self::sidecar::Sidecar;

#[cfg(test)]
mod tests;
