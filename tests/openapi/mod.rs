//! The document of the routes.
//!
//! | file | what it holds the daemon to |
//! |---|---|
//! | `answers` | real answers against it |
//! | `document` | complete, with the daemon's own bounds |
//! | `events` | the fields of events: complete, with the daemon's own bounds |
//! | `schema` | real answers against its schemas |
//! | `tasks` | the answers of the task queue |

mod answers;
mod document;
mod events;
mod schema;
mod tasks;
