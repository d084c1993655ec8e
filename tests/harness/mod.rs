//! The daemon and Redis under test, and who talks to them.
//!
//! | file | what it is |
//! |---|---|
//! | `browser` | a headless Chromium |
//! | `bytes` | which bytes lie in a folder |
//! | `daemon` | the daemon, and the ways to talk to it and to disturb it |
//! | `doctor` | a person who asks `agentpulse doctor` |
//! | `events` | the events of one run, as its agent would send them |
//! | `folder` | a folder for a daemon, and what is found in it |
//! | `hook_program` | the hook program |
//! | `power_cut` | what a power cut leaves of a folder |
//! | `program` | the program as a command, and waiting for its end |
//! | `receiver` | a webhook that receives alerts |
//! | `redis_server` | a Redis of the user's |
//! | `scrape` | what `/metrics` says, read strictly |
//! | `setup` | how a daemon is started |
//! | `time` | the time, and waiting until a condition holds |
//! | `watcher` | a client of the WebSockets, and the view that it makes of what it is sent |
//! | `wire` | clients of the event socket, of HTTP and of Redis |

pub mod browser;
pub mod bytes;
mod daemon;
pub mod doctor;
pub mod events;
mod folder;
pub mod hook_program;
pub mod power_cut;
mod program;
pub mod receiver;
mod redis_server;
pub mod scrape;
mod setup;
mod time;
pub mod watcher;
pub mod wire;

pub use daemon::{Daemon, deliver};
pub use events::Run;
pub use folder::{folder, log_path};
pub use program::{faketime, program, short_program, wait_exit};
pub use redis_server::Redis;
pub use setup::{Exit, Setup};
pub use time::{DEADLINE, PAUSE, eventually, now_ms};
