//! Why nothing was written.

use std::io;

use agentpulse_definitions::{Finding, NotEditable, Scope};

#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error(
        "definitions are written in places of the user, of projects and in the library, not of \
         scope {0}"
    )]
    Place(Scope),
    #[error("project must be one that the registry knows, as it names it")]
    UnknownProject,
    #[error(
        "scope library needs a first folder in registry.library that is in no place of the client"
    )]
    NoLibrary,
    #[error("the place has a definition or a file of this name")]
    NameTaken,
    #[error("the file is not as it was shown: read it again")]
    ChangedMeanwhile,
    #[error("the file is behind a link, or is no plain file of one name: it is not written")]
    Linked,
    /// With the field that is meant.
    #[error(
        "{0:?} is no field of a definition{meant}",
        meant = .1.as_ref().map(|field| format!("; {field} is meant?")).unwrap_or_default()
    )]
    UnknownField(String, Option<String>),
    #[error("{0} can make a client run commands unasked: allow_commands must be true")]
    Commands(String),
    #[error(transparent)]
    NotEditable(#[from] NotEditable),
    #[error("the client would not load the definition, or ignore what is set: see the findings")]
    Findings(Vec<Finding>),
    #[error("{0}")]
    Disk(#[from] io::Error),
}
