//! The page, in a browser.
//!
//! | file | what it holds the daemon to |
//! |---|---|
//! | `definitions` | the definitions of agents, one of them and its versions |
//! | `hostile` | names and errors that look like markup |
//! | `network` | who launches whom, as a picture and as tables |
//! | `proxy` | below a path of a reverse proxy |
//! | `screenshot` | no test: makes the picture of the README |
//! | `sessions` | the list of sessions, and one as a waterfall |
//! | `states` | its numbers, its states, its company |
//! | `work` | what is drawn and asked for again |

mod definitions;
mod hostile;
mod network;
mod proxy;
mod screenshot;
mod sessions;
mod states;
mod work;
