//! The system tests: what a user of the daemon can see, through its socket, its HTTP interface,
//! its Redis, its command line and its files. Each test runs the real program in its own folder.
//!
//! | file | what it holds the daemon to |
//! |---|---|
//! | `model` | an independent, naive account of what events amount to |
//! | `setup`, `harness`, `redis_server` | the daemon and Redis under test |
//! | `bytes` | which bytes lie in a folder |
//! | `wire` | clients of the event socket, of HTTP and of Redis |
//! | `load` | events at random |
//! | `check`, `check_errors`, `check_redis`, `compare` | what the daemon says against what the model says |
//! | `seed_fields`, `seed_example` | the JSON of every answer, field by field |
//! | `events`, `events_taken` | what is refused, what is a duplicate, what is taken as it is |
//! | `orders` | any order, any repetition, any restart: the same numbers |
//! | `http` | parameters, caching, intake by POST, doors |
//! | `hooks` | the hook program, its spool and the daemon together |
//! | `claude_code` | captured runs of a coding agent: executions, tools, tokens, cost |
//! | `claude_script` | runs of a coding agent written by hand |
//! | `claude_code_turns` | turns, their ends, who launched whom |
//! | `claude_code_tools` | tool calls: heartbeats, counted once, the bounds of both |
//! | `claude_code_files` | transcripts that are late, grow, are none |
//! | `spending` | what running agents have spent so far, as their transcripts grow |
//! | `claude_code_http` | the client's own HTTP hooks |
//! | `claude_code_plain` | hooks and plain events of one run: once, and none takes away the other |
//! | `claude_code_privacy` | no text of a prompt, file or message is seen again |
//! | `import` | runs from the transcripts that are left, beside live ones |
//! | `claude_numbers` | one cost by hand, and all sums against each other |
//! | `hooks_settings` | a coding agent's settings, with the hooks put in and taken out |
//! | `openapi`, `openapi_events` | the document of the routes: complete, with the daemon's own bounds |
//! | `openapi_answers`, `schema` | real answers against it |
//! | `prices` | what has a price and what has none |
//! | `hook_storm` | many hooks at once, while the daemon is well, stopped, gone or killed |
//! | `tables` | what `top --once` and the commands that list print |
//! | `export` | beside a running daemon; what a terminal would obey |
//! | `folders` | a wrong folder is refused, and left as it is |
//! | `process` | exit codes, signals, modes, commands |
//! | `views_away` | Redis gone or stopped |
//! | `redis_changed` | a Redis whose keys or settings others change |
//! | `redis_user` | a user of Redis who may do little, and URLs |
//! | `reaper` | hung executions |
//! | `restarts` | hung executions, over restarts of the daemon |
//! | `rooms` | clients that take much memory and give it back slowly |
//! | `signs` | heartbeats of what began just now, whatever becomes of Redis |
//! | `caps`, `names` | more names than there is room for |
//! | `corrections` | what is known better later: both views and the model |
//! | `large_events` | the largest events, and a Redis that is too small |
//! | `edges` | legal numbers whose sum is not, times of every form |
//! | `interleavings` | the sequences that break a careless version |
//! | `begun_lines` | what is sent and never ended |
//! | `running_bytes` | memory of what runs, and the list of it, when starts are large |
//! | `wide_json` | memory of JSON that is far larger as a tree than as text |
//! | `reload` | settings that are read again |
//! | `metrics`, `scrape` | `/metrics`: its numbers and its names |
//! | `counters` | no counter ever falls |
//! | `deployed` | alerts and dashboard against a real scrape; promtool |
//! | `systemd` | the units, and what the daemon tells a service manager |
//! | `doctor`, `doctor_daemon` | what it finds wrong, and what it lets pass |
//! | `man` | manual pages |
//! | `health` | the health report |
//! | `alerts`, `receiver` | the daemon's own alerts, and a webhook that is told them |
//! | `redaction` | secrets reach no disk, no Redis, no client |
//! | `redaction_refused` | nor does what is refused reach an answer or a log |
//! | `watcher` | a client of the WebSockets, and the picture that it makes of what it is sent |
//! | `stream`, `stream_faults` | everybody sees every change or a new picture; bad clients |
//! | `stream_dashboard` | the existing dashboard's dialect, field by field |
//! | `security` | keys: what they open, how they end, where they are never found; the audit trail |
//! | `security_doors` | limits, slow clients, headers, foreign pages, other users |
//! | `places` | connections that only hold places, and who comes in all the same |
//! | `security_addresses` | which addresses are one client, for limits and for the audit trail |
//! | `readiness` | a daemon that takes nothing says so, everywhere |
//! | `corpus` | planted secrets, and what only looks like one |
//! | `public_rules` | what a public set of rules finds is taken out |
//! | `contract` | help, API document, metrics and settings, word by word |
//! | `compat` | what released versions left on a disk |
//! | `power_cut` | what a power cut leaves of a folder |
//! | `promises` | what must hold whatever happens, a file a promise |
//! | `browser` | a headless Chromium |
//! | `page` | the page in it: its numbers, its states, its company |
//! | `page_proxy` | the page below a path of a reverse proxy |
//! | `page_hostile` | names and errors that look like markup |
//! | `arrows` | which part may import which, and other rules about the source itself |

mod alerts;
mod arrows;
mod begun_lines;
mod browser;
mod bytes;
mod caps;
mod check;
mod check_errors;
mod check_redis;
mod claude_code;
mod claude_code_files;
mod claude_code_http;
mod claude_code_plain;
mod claude_code_privacy;
mod claude_code_tools;
mod claude_code_turns;
mod claude_numbers;
mod claude_script;
mod commit_bytes;
mod compare;
mod compat;
mod contract;
mod corpus;
mod corrections;
mod counters;
mod deployed;
mod doctor;
mod doctor_daemon;
mod edges;
mod events;
mod events_taken;
mod export;
mod folders;
mod harness;
mod health;
mod hook_storm;
mod hooks;
mod hooks_settings;
mod http;
mod import;
mod interleavings;
mod large_events;
mod load;
mod man;
mod metrics;
mod model;
mod names;
mod openapi;
mod openapi_answers;
mod openapi_events;
mod orders;
mod page;
mod page_hostile;
mod page_proxy;
mod places;
mod power_cut;
mod prices;
mod process;
mod promises;
mod public_rules;
mod readiness;
mod reaper;
mod receiver;
mod redaction;
mod redaction_refused;
mod redis_changed;
mod redis_server;
mod redis_user;
mod reload;
mod restarts;
mod rooms;
mod running_bytes;
mod schema;
mod scrape;
mod security;
mod security_addresses;
mod security_doors;
mod seed_example;
mod seed_fields;
mod setup;
mod signs;
mod spending;
mod stream;
mod stream_dashboard;
mod stream_faults;
mod systemd;
mod tables;
mod views_away;
mod watcher;
mod wide_json;
mod wire;
