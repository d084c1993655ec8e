//! What a report is: rows of one of the two views, and the answer that is built from them.

use std::ops::Range;

use serde::Serialize;

use crate::error::Error;
use crate::source::{Sources, View};

/// The type that implements it holds the parameters, within their bounds.
pub trait Report {
    /// What is written as the answer. It may borrow nothing, and share what the views share.
    type Built: Serialize;

    /// Whether history may have to read many rows for it.
    fn is_scan(&self) -> bool;

    /// When those executions ended of which it reads rollups. For a report of some executions the
    /// rollups are made of these.
    fn ended_ms(&self, sources: &Sources, now_ms: i64) -> Range<i64>;

    /// Whether it reads rollups by session.
    fn reads_sessions(&self) -> bool {
        false
    }

    /// Whether it reads definitions: then an answer is of these as they are at this moment.
    fn reads_definitions(&self) -> bool {
        false
    }

    /// Whether its answer may be kept, for others that ask the same.
    fn is_kept(&self) -> bool {
        true
    }

    fn fetch(
        &self,
        sources: &Sources,
        now_ms: i64,
    ) -> impl Future<Output = Result<(Self::Built, View), Error>> + Send;
}
