//! Claude Code, as captured and as written by hand.
//!
//! | file | what it holds the daemon to |
//! |---|---|
//! | `background` | agents that their client lists no longer |
//! | `captured` | captured runs: executions, tools, tokens, cost |
//! | `cases` | small inputs that earlier versions got wrong |
//! | `http_hooks` | the client's own HTTP hooks |
//! | `import` | runs from the transcripts that are left, beside live ones |
//! | `main_turns` | turns of the main thread without a stop, in every order |
//! | `numbers` | one cost by hand, and all sums against each other |
//! | `plain_events` | hooks and plain events of one run: once, and none takes away the other |
//! | `privacy` | no text of a prompt, file or message is seen again |
//! | `projects` | the project and branch of a turn, and sums by them and by kind |
//! | `script` | runs written by hand |
//! | `spending` | what running agents have spent so far, as their transcripts grow |
//! | `tools` | tool calls: heartbeats, counted once, the bounds of both |
//! | `transcripts` | transcripts that are late, that grow, that are none |
//! | `turns` | turns, their ends, who launched whom |
//! | `turns_model` | sessions at random, beside a model of their turns |
//! | `whole_sessions` | captured sessions, with their main threads, beside the client's totals |

mod background;
pub mod captured;
mod cases;
mod http_hooks;
mod import;
mod main_turns;
pub mod numbers;
mod peers;
mod plain_events;
mod privacy;
mod projects;
pub mod script;
mod spending;
mod tools;
mod transcripts;
mod turns;
mod turns_model;
mod whole_sessions;
