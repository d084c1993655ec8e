//! What the system reports of changes to files. Linux does by inotify; elsewhere nothing is
//! reported, and who waits has to look from time to time.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod none;

use std::ffi::OsStr;

#[cfg(target_os = "linux")]
pub use self::linux::Notices;
#[cfg(not(target_os = "linux"))]
pub use self::none::Notices;

/// The number of a watch.
pub type Watch = i32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A file in a folder that is whole: written and closed, or renamed.
    Arrivals,
    /// A file or a folder that is new in a folder.
    New,
    /// All that may change what is read: of a file, or of a folder and the files in it.
    Changes,
}

/// Something that happened.
#[derive(Clone, Copy, Debug)]
pub struct Notice<'a> {
    /// None: reports were lost, so that anything may have happened.
    pub watch: Option<Watch>,
    /// Of what in the folder; none where it happened to what is watched itself.
    pub name: Option<&'a OsStr>,
}
