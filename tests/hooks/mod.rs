//! The hook program, its spool and the daemon together.
//!
//! | file | what it holds the daemon to |
//! |---|---|
//! | `delivery` | a captured run arrives, whether the daemon is there or not, and once |
//! | `settings` | a coding agent's settings, with the hooks put in and taken out |
//! | `storm` | many hooks at once, while the daemon is well, stopped, gone or killed |

mod delivery;
mod settings;
mod storm;
