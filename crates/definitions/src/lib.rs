//! What a definition of an agent says, what is wrong with it, which of several a client takes, and
//! what changed between two looks. Pure: without input or output, without a clock.
//!
//! A definition is a Markdown file with a YAML frontmatter. A client skips what is wrong with one
//! mostly without a word; [`read`] reports it with line and column, and what the client does.

#![warn(clippy::disallowed_methods)]

mod agent;
mod body;
mod client;
mod client_version;
mod conflict;
mod definition;
mod diff;
mod edit;
mod effective;
mod extra;
mod file_name;
mod finding;
mod frontmatter;
mod granted;
mod hooks;
mod meaning;
pub mod names;
mod nearest;
mod place;
mod reading;
#[cfg(test)]
mod tests;
mod tools;
mod yaml;

pub use self::agent::{Agent, Scope, State};
pub use self::body::Body;
pub use self::client::{Client, Field, Kind};
pub use self::client_version::{BadVersion, ClientVersion};
pub use self::conflict::{Conflict, TOKEN_BUDGET, conflicts, library_conflicts};
pub use self::definition::{Config, Definition};
pub use self::diff::{Change, Reason, Registered, diff};
pub use self::edit::{Edit, NotEditable};
pub use self::effective::{Standing, standings};
pub use self::file_name::FileName;
pub use self::finding::{Code, Finding, MAX_FINDINGS, Severity};
pub use self::place::Place;
pub use self::reading::{MAX_FILE_BYTES, MAX_FRONTMATTER_BYTES, Outcome, Reading, prompt, read};
pub use self::tools::{Tool, tool};
