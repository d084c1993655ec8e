//! The private Redis or Valkey server: found, started, adopted after a crash of the daemon,
//! restarted when it dies, stopped last. The caller holds the lock of the data folder, so that two
//! daemons never have one server.

mod ask;
mod child;
mod conf;
mod disk;
mod ended;
mod error;
mod process;
mod program;
mod server;
mod settings;
#[cfg(test)]
mod tests;

pub use child::{RedisChild, url};
pub use error::Error;
pub use settings::Settings;
