//! What became of events: how many, and which were refused and why.

use schemars::JsonSchema;
use serde::Serialize;

use agentpulse_core::error::Rejection;
use agentpulse_pipeline::writer::{IngestOutcome, Unavailable};

/// Refusals that are listed one by one; the rest is a number.
pub const MAX_REFUSALS: usize = 1_000;

/// Every line is in exactly one of the four.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Totals")]
pub struct IngestCounts {
    pub accepted: u64,
    pub duplicate: u64,
    pub rejected: u64,
    pub progress: u64,
}

/// What became of a document of events.
#[derive(Debug, Default)]
pub struct Answer {
    pub totals: IngestCounts,
    /// By line, or by place in an array; both count from 1.
    pub rejections: Vec<(u64, String)>,
    pub refusals_omitted: u64,
}

/// Why a document was not taken, or not to its end.
#[derive(Debug)]
pub enum IngestError {
    NoJson(String),
    Unavailable(Unavailable),
    /// The totals count what was taken before the rest could not be.
    Rest(IngestCounts),
}

impl From<Unavailable> for IngestError {
    fn from(unavailable: Unavailable) -> IngestError {
        IngestError::Unavailable(unavailable)
    }
}

impl IngestCounts {
    /// Hands a refusal back.
    pub fn count(&mut self, outcome: Option<IngestOutcome>) -> Option<Rejection> {
        match outcome {
            Some(IngestOutcome::Accepted) => self.accepted += 1,
            Some(IngestOutcome::Duplicate) => self.duplicate += 1,
            Some(IngestOutcome::Progress) => self.progress += 1,
            Some(IngestOutcome::Rejected(rejection)) => return Some(rejection),
            None => return Some(Rejection::new("the writer gave no verdict")),
        }
        None
    }
}

impl Answer {
    pub fn refuse(&mut self, line: u64, rejection: Rejection) {
        self.totals.rejected += 1;
        if self.rejections.len() < MAX_REFUSALS {
            self.rejections.push((line, rejection.0));
        } else {
            self.refusals_omitted += 1;
        }
    }
}
