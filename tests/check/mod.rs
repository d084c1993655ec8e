//! What the daemon says against what the model says.
//!
//! | file | what it is |
//! |---|---|
//! | `answers` | the reads over HTTP |
//! | `compare` | one value against what it ought to be |
//! | `errors` | failed executions |
//! | `everywhere` | every place at once |
//! | `redis_derived` | what follows from the sums in Redis |
//! | `redis_keys` | Redis, key by key |
//! | `sessions` | sessions, by what their executions add up to |

mod answers;
pub mod compare;
mod errors;
mod everywhere;
mod redis_derived;
pub mod redis_keys;
mod sessions;

pub use answers::over_http;
pub use everywhere::everywhere;
