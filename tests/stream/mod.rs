//! The WebSockets.
//!
//! | file | what it holds the daemon to |
//! |---|---|
//! | `changes` | a snapshot, then every change or a new snapshot |
//! | `dashboard` | the existing dashboard's dialect, field by field |
//! | `faults` | clients that are slow, too many, foreign, or talk nonsense |
//! | `work` | the bytes of a load |

mod changes;
mod dashboard;
mod faults;
mod work;
