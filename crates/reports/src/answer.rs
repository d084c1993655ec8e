//! A finished answer: it is built once, and sent to all who request it.

use bytes::Bytes;
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_64;

use crate::error::Error;
use crate::source::View;

/// What an answer with a list in it may have, in bytes; what does not fit is on the next page.
pub const MAX_ANSWER_BYTES: usize = 4 << 20;

#[derive(Clone, Debug)]
pub struct Answer {
    /// JSON.
    pub body: Bytes,
    /// xxh3 of the body.
    pub digest: u64,
    pub view: View,
}

impl Answer {
    pub fn new(body: Bytes, view: View) -> Answer {
        Answer {
            digest: xxh3_64(&body),
            body,
            view,
        }
    }

    pub(crate) fn of((report, view): (impl Serialize, View)) -> Result<Answer, Error> {
        let body = serde_json::to_vec(&report).map_err(|e| Error::Unavailable(e.to_string()))?;
        Ok(Answer::new(body.into(), view))
    }
}
