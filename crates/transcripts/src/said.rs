//! What the client itself says, at its end, that a session used. A file of a session may have
//! hundreds of megabytes, so that it is read for this once, as it grows.

use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use super::followed::{Followed, Index};
use super::layout::main_session;
use super::open::open;
use agentpulse_sources::claude_code::transcript::{ClientTotals, ClientTotalsReader};

/// Files of sessions that are known, each with the last totals in it.
const MAX_FILES: usize = 256;
/// Stands for the folder of a project: a file is found by its name.
const ANY_PROJECT: &str = "-";

pub struct SaidByClients(Mutex<Followed<ClientTotalsReader>>);

impl Default for SaidByClients {
    fn default() -> SaidByClients {
        SaidByClients(Mutex::new(Followed::new(MAX_FILES, MAX_FILES)))
    }
}

impl SaidByClients {
    /// Returns `None` if there are none, and while the session goes on. Blocks.
    pub fn totals(&self, roots: &[PathBuf], max_bytes: u64, session: &str) -> Option<ClientTotals> {
        let name = format!("{session}.jsonl");
        // An id that is no name of a file leads elsewhere.
        let is_name = main_session(Path::new(&name)) == Some(session);
        let path = roots
            .first()
            .filter(|_| is_name)?
            .join(ANY_PROJECT)
            .join(&name);
        let opened = open(roots, &path, max_bytes).ok()?;
        let mut known = self.0.lock();
        let (read, _) = known.index(&path, &opened).ok()?;
        let is_final = |said: &ClientTotals| said.session_id == session && !said.goes_on;
        read.totals().filter(is_final)
    }
}

impl Index for ClientTotalsReader {
    fn line(&mut self, bytes: &[u8], _begin: u64) {
        ClientTotalsReader::line(self, bytes);
    }

    fn entries(&self) -> usize {
        1
    }
}
