//! The command line.
//!
//! | file | what it holds the daemon to |
//! |---|---|
//! | `doctor` | what `doctor` finds wrong, and what it lets pass |
//! | `doctor_daemon` | what `doctor` finds wrong with a running daemon |
//! | `export` | beside a running daemon; what a terminal would obey |
//! | `folders` | a wrong folder is refused, and left as it is |
//! | `man` | manual pages |
//! | `process` | exit codes, signals, modes, commands |
//! | `registry` | what `registry check` finds wrong with definitions |
//! | `tables` | what `top --once` and the commands that list print |

mod doctor;
mod doctor_daemon;
mod export;
mod folders;
pub mod man;
mod process;
mod registry;
mod tables;
