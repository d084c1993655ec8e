//! Of a system that reports nothing.

use std::convert::Infallible;
use std::io;
use std::path::Path;

use crate::{Notice, Watch, What};

/// There is none.
pub struct Notices(Infallible);

impl Notices {
    pub fn new() -> Option<Notices> {
        None
    }

    pub fn watch(&self, _: &Path, _: What) -> io::Result<Watch> {
        match self.0 {}
    }

    pub fn unwatch(&self, _: Watch) {
        match self.0 {}
    }

    #[expect(clippy::unused_async, reason = "it waits where the system reports")]
    pub async fn wait(&self, _: impl FnMut(Notice<'_>) -> bool) {
        match self.0 {}
    }
}
