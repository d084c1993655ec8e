//! Events, from their arrival to the numbers.
//!
//! | file | what it holds the daemon to |
//! |---|---|
//! | `accepted` | what is accepted as it is, and what is a duplicate |
//! | `allocations` | what an event allocates in each part of its way |
//! | `commit_bytes` | one event that changes thousands of turns |
//! | `corrections` | what is known better later: both views and the model |
//! | `heartbeats` | heartbeats of what began just now, whatever becomes of Redis |
//! | `interleavings` | the sequences that break a careless version |
//! | `large_events` | the largest events, and a Redis that is too small |
//! | `name_limits` | more names than there is room for |
//! | `orders` | any order, any repetition, any restart: the same numbers |
//! | `reaper` | hung executions |
//! | `reaper_restarts` | hung executions, over restarts of the daemon |
//! | `refused` | what is rejected, and with which words |
//! | `running_bytes` | memory of what runs, and the list of it, when starts are large |
//! | `sums_at_limit` | legal numbers whose sum is not, times of every form |
//! | `tracked_names` | which names are tracked, for how long |
//! | `unfinished_lines` | what is sent and never ended |
//! | `wide_json` | memory of JSON that is far larger as a tree than as text |
//! | `work` | how many commits and scripts a burst takes, and that its repetition takes none |

mod accepted;
mod allocations;
mod commit_bytes;
mod corrections;
mod heartbeats;
mod interleavings;
mod large_events;
mod name_limits;
mod orders;
mod reaper;
mod reaper_restarts;
mod refused;
mod running_bytes;
mod sums_at_limit;
mod tracked_names;
mod unfinished_lines;
mod wide_json;
mod work;
