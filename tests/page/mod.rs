//! The page, in a browser.
//!
//! | file | what it holds the daemon to |
//! |---|---|
//! | `hostile` | names and errors that look like markup |
//! | `proxy` | below a path of a reverse proxy |
//! | `screenshot` | no test: makes the picture of the README |
//! | `sessions` | the list of sessions, and one as a waterfall |
//! | `states` | its numbers, its states, its company |
//! | `work` | what is drawn and asked for again |

mod hostile;
mod proxy;
mod screenshot;
mod sessions;
mod states;
mod work;
