//! Opens the two databases and makes sure that they belong together.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::RwLock;
use tracing::warn;

use super::catalog::catalog;
use super::cursor::{FOREIGN_FIX, cursor_is_ours};
use super::failure::Failure;
use super::names;
use super::replay::each_after;
use super::zone;
use agentpulse_config::Config;
use agentpulse_contract::data_folder::{HISTORY, JOURNAL};
use agentpulse_contract::exit;
use agentpulse_core::change::Change;
use agentpulse_core::cursor::Cursor;
use agentpulse_core::execution::{Catalog, Execution};
use agentpulse_core::names::Names;
use agentpulse_pipeline::clock::Listening;
use agentpulse_pipeline::running::Running;
use agentpulse_pipeline::writer::{LiveUsage, Memory};
use agentpulse_store::history::{History, Lanes, Reader};
use agentpulse_store::journal::{Journal, Tail};

pub struct Stores {
    pub journal: Journal,
    pub journal_path: PathBuf,
    pub history_path: PathBuf,
    pub history_seq: u64,
    /// The writer's own view of history.
    pub lookup: Reader,
    pub lanes: Lanes,
    pub names: Arc<RwLock<Names>>,
    pub catalog: Arc<Catalog>,
    /// The counters as the last daemon wrote them down.
    pub counted: BTreeMap<String, u64>,
}

impl Stores {
    pub fn open(config: &Config) -> Result<Stores, Failure> {
        let catalog = catalog(config)?;
        let journal_path = config.data.dir.join(JOURNAL);
        let history_path = config.data.dir.join(HISTORY);
        let mut journal = Journal::open(&journal_path)?;
        let mut history = History::open(&history_path)?;
        let tail = Tail::open(&journal_path)?;
        let history_seq = reconcile_cursors(&mut journal, &mut history, &tail)?;
        zone::settle(&config.time.zone, &mut journal, &mut history)?;
        let lookup = Reader::open(&history_path)?;
        let names = names::names(&config.limits, &mut journal, &lookup, &tail)?;
        // The epoch is a new one if names were tracked.
        history.set_cursor(&Cursor::new(journal.epoch(), history_seq))?;
        Ok(Stores {
            counted: lookup.counters()?,
            journal,
            history_seq,
            lookup,
            lanes: Lanes::open(&history_path)?,
            journal_path,
            history_path,
            names: Arc::new(RwLock::new(names)),
            catalog: Arc::new(catalog),
        })
    }

    /// What the writer has to remember: running executions, and changes that history lacks.
    pub fn memory(&self, running: Arc<Running>, live_usage: &LiveUsage) -> Result<Memory, Failure> {
        let now = self.listening()?.now();
        let heartbeats = self.journal.kept_heartbeats()?;
        let mut memory = Memory::new(running);
        let load = |run: Execution| {
            memory.load_running(&run, self.history_seq, &heartbeats, now);
            live_usage.follow(&run);
        };
        self.lookup.each_running(load)?;
        self.each_unflushed(|changes| {
            for change in changes {
                memory.load(change, &heartbeats, now);
                live_usage.follow(&change.after);
            }
        })?;
        Ok(memory)
    }

    /// Continues where the last run of the daemon ended.
    pub fn listening(&self) -> Result<Listening, Failure> {
        let listened = self.journal.listened()?;
        Ok(Listening::after(listened))
    }

    /// The changes that history does not have yet, in order.
    pub fn each_unflushed(&self, mut f: impl FnMut(&[Arc<Change>])) -> Result<(), Failure> {
        let tail = Tail::open(&self.journal_path)?;
        each_after(&tail, self.history_seq, |changes| {
            f(changes);
            Ok(())
        })
    }

    /// Whether the live view may be of this journal; a foreign one is not to be touched.
    pub fn cursor_is_ours(&self, cursor: Option<&str>, key: Option<&str>) -> Result<(), String> {
        let mut epochs = self.journal.past_epochs().to_vec();
        epochs.push(self.journal.epoch().to_owned());
        cursor_is_ours(cursor, key, &epochs).map_err(|reason| format!("{reason}: {FOREIGN_FIX}"))
    }
}

/// Reconciles the journal's sequence with history's cursor; returns how far history is.
fn reconcile_cursors(
    journal: &mut Journal,
    history: &mut History,
    tail: &Tail,
) -> Result<u64, Failure> {
    let epoch = journal.epoch().to_owned();
    let cursor = history.cursor()?.unwrap_or_else(|| Cursor::new(&epoch, 0));
    if cursor.epoch != epoch {
        let known = journal.past_epochs().contains(&cursor.epoch);
        if !known && journal.last_seq() > 0 {
            return Err(Failure::new(
                exit::CORRUPT,
                "journal.db and history.db are not of the same daemon: restore both from one \
                 backup",
            ));
        }
        // A new journal continues behind what history has.
        if !known {
            warn!(history = %cursor, journal = epoch, "history continues with a new journal");
        }
        journal.adopt_past_epoch(&cursor.epoch)?;
    }
    journal.raise_seq(cursor.seq)?;
    if !tail.continues(cursor.seq, journal.last_seq())? {
        return Err(Failure::new(
            exit::CORRUPT,
            "journal.db no longer has what history.db lacks: restore both from one backup",
        ));
    }
    history.set_cursor(&Cursor::new(&epoch, cursor.seq))?;
    Ok(cursor.seq)
}
