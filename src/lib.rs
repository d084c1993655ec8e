//! # agentpulse
//!
//! Knows, at every moment, which AI agents are running, and what those that ran have cost, taken
//! and broken. This page is the map.
//!
//! ```text
//!  hook ──socket──▶ intake ──▶ writer: decide → journal (SQLite, group commit) → acknowledge
//!                                             │ changes, in order
//!                               ┌─────────────┴──────────────┐
//!                               ▼                            ▼
//!                     live (Redis, by Lua scripts)    history (SQLite, flushed every 2 s)
//!                               └────────▶ reports ◀─────────┘ ──▶ HTTP, the command line
//! ```
//!
//! ## The idea
//!
//! An execution is a small state ([`agentpulse_core::execution`]); an event merges into it, in any
//! order, to the same result. `contribution(state)` is what an execution adds to every bucket. The
//! writer ([`agentpulse_pipeline::writer`]) resolves each event when it accepts it, by the one rule of
//! duplicates ([`Execution::accepts`](agentpulse_core::execution::Execution::accepts)), and journals the
//! [`Change`](agentpulse_core::change::Change): the execution before, if it contributed, and after.
//! Live and history are two small interpreters of that one type; both sum changes by
//! [`Sums`](agentpulse_core::sums::Sums). A late stop, a start after its stop, a revival, a correction: all
//! are changes like any other. A rebuild writes what the executions of history contribute.
//!
//! ## Crates
//!
//! Crates are subjects, and Cargo allows no arrow back: `docs/architecture.md` has the picture,
//! which a test compares with the `Cargo.toml` files. The contract, and a failpoint, which tests
//! ask for, may stand anywhere. Within the store and the server a test reads the `use` lines and
//! fails on any arrow outwards.
//!
//! | crate or module | what it is for |
//! |---|---|
//! | [`agentpulse_contract`] | names and formats that the hook program shares: the data folder, the spool, exit codes |
//! | `agentpulse_redact` | takes secrets out of texts: pure |
//! | [`agentpulse_core`] | what the numbers mean: pure, no clock |
//! | [`agentpulse_sources`] | what arrives, decoded: events, hooks, transcripts; pure |
//! | [`agentpulse_definitions`] | what a definition of an agent says, and what is wrong with it; pure |
//! | `agentpulse_selection` | which agent should take a task, and why: pure |
//! | `agentpulse_tasks` | what a task is, and what may be done to it: pure |
//! | `agentpulse_queue` | the task queue: one writer, leases, and those who wait for tasks |
//! | `agentpulse_notices` | what the system reports of changes to files |
//! | [`agentpulse_registry`] | the places of definitions, what a scan of them finds, the keeper that follows them, and the editor that writes them |
//! | [`agentpulse_store::sqlite`] | what the databases share: opening, versions, errors |
//! | [`agentpulse_store::journal`] | accepted events as changes, in order, durable |
//! | [`agentpulse_store::history`] | one row a run, and the rollups |
//! | [`agentpulse_store::access`] | API keys, tickets, and the audit trail |
//! | [`agentpulse_store::registry`] | what the definitions of agents were |
//! | `agentpulse_store::tasks` | tasks, messages and logs |
//! | [`agentpulse_store::backup`] | the databases in one file, and the way back |
//! | [`agentpulse_live`] | the live view in Redis: the key table, the scripts, the reads |
//! | [`agentpulse_live::private_server`] | the private server: find, start, check, adopt, stop |
//! | [`agentpulse_pipeline`] | writer, applier, flusher, rebuild, reaper, recent outcomes, connection slots, the check of Redis |
//! | [`agentpulse_transcripts`] | opens and reads the transcripts of what runs and of what has ended |
//! | [`agentpulse_server::intake`] | the socket and the spool |
//! | [`agentpulse_api`] | what an endpoint is: parameters, their descriptions, error codes; pure |
//! | [`agentpulse_reports`] | one file an endpoint: parameters, answer, fetch, and a pure build; the stream of changes; what Prometheus and the health report say |
//! | `agentpulse_alerts` | rules, what is pending, fires and was resolved, webhooks |
//! | [`agentpulse_server::http`] | routes and their OpenAPI document, the security layer, probes, WebSockets; the page, whose files are in `web/` |
//! | [`agentpulse_client`] | asks a running daemon over its control socket |
//! | [`cli`] | one file a subcommand |
//! | `agentpulse-hook` | the program that coding agents start: sends one line, or puts it into the spool |
//! | [`agentpulse_config`] | settings, as written and as meant |
//! | [`agentpulse_server::daemon`] | builds everything, owns the order of the end |
//!
//! ## What always holds
//!
//! 1. An event is acknowledged after its commit to the journal, and not before; a heartbeat, which
//!    changes no number, without one.
//! 2. Only the writer decides whether an event is new; only it holds the journal's pen.
//! 3. A view's counts and its cursor move together, in one transaction or one script, so that they
//!    are saved, lost and restored together. A batch that is sent twice is applied once.
//! 4. A journal row goes only once history has committed it, and a backup or a rebuild that reads
//!    it has ended. Redis never holds it back: what Redis missed is rebuilt.
//! 5. Every number in a bucket is an integer that adds up. Averages, rates and percentiles are made
//!    when they are read; those that stand in Redis for other programs are derived again by the
//!    script that changes their sums. Money is in millionths of a dollar.
//! 6. A bucket is chosen by the end of an execution: an hour of UTC, a day of the zone that history
//!    records ([`agentpulse_core::zone`]). Silence is counted in time that the daemon has listened,
//!    over all of its lives.
//! 7. Nothing unredacted is behind [`agentpulse_sources`].
//! 8. Every queue, list and wait has a named limit; what is refused is counted.
//! 9. A counter that was shown never falls, by no correction and by no crash: what is shown of the
//!    executions is the most that their sums ever were, and all of it is on the disk before.
//! 10. Definitions are read, and written only where that is allowed and asked for by name: then
//!     whole files by a rename, of the version that the client has seen.
//!
//! Deliberately absent: dedupe keys in Redis (the cursor is enough), code that reverts (a change
//! has a before), averages that are read back, a UNIQUE index on the journal (the writer is
//! unique), and any read that waits for the writer.

pub mod cli;
