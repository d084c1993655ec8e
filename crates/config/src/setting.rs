//! One setting as `describe` lists it.

use std::fmt;

/// One setting as it was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    pub key: String,
    /// Passwords are masked.
    pub value: String,
    pub source: Source,
    /// A reload changes it; any other needs a restart.
    pub is_reloaded: bool,
}

/// Where a setting's value comes from; the later overrides the earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Default,
    File,
    Environment,
    Flag,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Source::Default => "default",
            Source::File => "file",
            Source::Environment => "environment",
            Source::Flag => "flag",
        })
    }
}
