//! A daemon that is operated: its settings, its Redis, what watches it.
//!
//! | file | what it holds the daemon to |
//! |---|---|
//! | `alerts` | the daemon's own alerts |
//! | `at_rest` | how seldom a daemon with nothing to do wakes |
//! | `deployed` | alerts and dashboard against a real scrape; promtool |
//! | `health` | the health report |
//! | `readiness` | a daemon that accepts nothing says so, everywhere |
//! | `redis_away` | Redis gone or stopped |
//! | `redis_changed` | a Redis whose keys or settings others change |
//! | `redis_user` | a user of Redis who may do little, and URLs |
//! | `reload` | settings that are read again |
//! | `systemd` | the units, and what the daemon says to a service manager |
//! | `time_zone` | days of a zone, and its change |

mod alerts;
mod at_rest;
mod deployed;
mod health;
mod readiness;
mod redis_away;
mod redis_changed;
mod redis_user;
mod reload;
mod systemd;
mod time_zone;
