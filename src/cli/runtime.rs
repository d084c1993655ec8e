//! The event loop of a client.

use std::future::Future;

use super::failure::{Failure, io_failed};

/// Runs one client's work on this thread.
pub fn block_on<F: Future>(future: F) -> Result<F::Output, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map(|runtime| runtime.block_on(future))
        .map_err(|error| io_failed("no event loop", &error))
}
