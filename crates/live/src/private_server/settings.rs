//! What the private server is started with.

use std::path::PathBuf;

#[derive(Clone, Debug)]
pub struct Settings {
    /// The data folder.
    pub dir: PathBuf,
    /// The program, if it is not to be looked for in `PATH`.
    pub server: Option<PathBuf>,
    /// In bytes.
    pub maxmemory: u64,
    /// The configuration, with `{socket}`, `{dir}`, `{pidfile}`, `{logfile}` inside quotes and
    /// `{maxmemory}`.
    pub template: String,
}
