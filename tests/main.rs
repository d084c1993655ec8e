//! The system tests: what a user of the daemon can see, through its socket, its HTTP interface,
//! its Redis, its command line and its files. Each test runs the real program in its own folder.
//! The `mod.rs` of a folder lists its files.
//!
//! | what tests use | |
//! |---|---|
//! | `model` | an independent, naive account of what events amount to |
//! | `harness` | the daemon and Redis under test, and who talks to them |
//! | `check` | what the daemon says against what the model says |
//!
//! | tests | what they hold the daemon to |
//! |---|---|
//! | `ingest` | events, from their arrival to the numbers |
//! | `claude_code` | Claude Code, as captured and as written by hand |
//! | `hooks` | the hook program, its spool and the daemon together |
//! | `reads` | answers over HTTP, and `/metrics` |
//! | `registry` | the definitions of agents, as the daemon follows them |
//! | `select` | which agent should take a task |
//! | `tasks` | the task queue |
//! | `stream` | the WebSockets |
//! | `mcp` | the MCP server, by which coding agents ask and work |
//! | `openapi` | the document of the routes |
//! | `commands` | the command line |
//! | `page` | the page, in a browser |
//! | `operate` | a daemon that is operated: its settings, its Redis, what watches it |
//! | `security` | who is let in, and what is seen of secrets |
//! | `promises` | what must hold whatever happens, a file a promise |
//! | `contract` | help, API document, metrics and settings, word by word |
//! | `compat` | what released versions left on a disk |
//! | `architecture` | the picture of the crates |
//! | `arrows` | which part may import which, and other rules about the source itself |

mod architecture;
mod arrows;
mod check;
mod claude_code;
mod commands;
mod compat;
mod contract;
mod harness;
mod hooks;
mod ingest;
mod mcp;
mod model;
mod openapi;
mod operate;
mod page;
mod promises;
mod reads;
mod registry;
mod security;
mod select;
mod stream;
mod tasks;
