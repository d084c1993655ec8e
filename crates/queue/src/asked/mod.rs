//! What clients send, as JSON: checked, with its secrets taken out, before the queue sees it.

mod check;
mod message;
mod task;
mod work;

pub use check::Checked;
pub use message::MessageRequest;
pub use task::{ChangeRequest, OnNeedFailure, TaskRequest};
pub use work::{
    BeatRequest, BlockRequest, CancelRequest, ClaimRequest, CompleteRequest, FailRequest,
    HandoffRequest, LogLine, LogRequest, QuestionRequest, ReleaseRequest,
};

/// Of one request: two values as JSON, escaped.
pub const MAX_BODY_BYTES: usize = 1 << 20;
