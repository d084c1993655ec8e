//! What can be asked of the queue. Each is one operation: applied whole, or not at all.

mod claim;
mod create;
mod end;
mod hold;
mod live;
mod message;
mod person;

pub use claim::{Claim, Claimed, claim};
pub use create::{Created, NewTask, create};
pub use end::{Completed, Handoff, block, complete, fail, lose, release};
pub use hold::{Beat, beat, log};
pub use live::{abandon, link, renew, work};
pub use message::{NewMessage, read, send};
pub use person::{Change, cancel, change, retry, unblock};
