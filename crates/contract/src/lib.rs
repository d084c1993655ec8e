//! What the daemon, the hook program and the command line agree on outside of any one process: the
//! names in the data folder, the spool's format, variables of the environment, and exit codes. A
//! released name is never changed: an older program may still use it.

pub mod data_folder;
pub mod environment;
pub mod exit;
pub mod spool;
