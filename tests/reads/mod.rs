//! Answers over HTTP, and `/metrics`.
//!
//! | file | what it holds the daemon to |
//! |---|---|
//! | `counters` | no counter ever falls |
//! | `dashboard_hooks` | what the existing dashboard's hooks post |
//! | `filtered` | answers of a kind, a project, a branch or a host alone |
//! | `http` | parameters, caching, intake by POST, the origin policy |
//! | `metrics` | `/metrics`: its numbers and its names |
//! | `prices` | what has a price and what has none |
//! | `redis_page` | docs/redis.md has every key and field |
//! | `redis_reader` | what another program reads in Redis |
//! | `seed_example` | the example of a whole run, in every answer |
//! | `seed_fields` | the JSON of every answer, field by field |
//! | `sessions` | sessions while they run and when they have ended, by pages, within bounds |

mod counters;
mod dashboard_hooks;
mod filtered;
mod http;
pub mod metrics;
mod network;
mod prices;
mod redis_page;
mod redis_reader;
mod seed_example;
mod seed_fields;
mod sessions;
