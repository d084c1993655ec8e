//! A backup beside the running daemon, one at a time.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::time::timeout;
use tracing::info;

use super::changes::{Changes, View};
use super::clock::now_ms;
use super::holds::{Holder, Holds};
use super::writer::WriterHandle;
use agentpulse_store::backup::{self, Progress, Target, rotate};

/// A history of some GB takes minutes; meanwhile the journal grows.
const BACKUP_DEADLINE: Duration = Duration::from_secs(3600);

/// How many backups a folder can be set to keep.
pub const KEEP: RangeInclusive<usize> = 1..=10_000;

/// What is asked of a backup.
#[derive(Clone, Debug)]
pub struct Order {
    /// A folder or a file, absolute; `None` is the daemon's own folder of backups.
    pub to: Option<PathBuf>,
    /// How many backups of the folder stay, if not all.
    pub keep: Option<usize>,
}

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error("another backup is under way")]
    Busy,
    #[error("to keep some of them, name a folder of backups, not a file")]
    KeepOfFile,
    #[error("the daemon is stopping")]
    Stopping,
    #[error("no end within {} s", .0.as_secs())]
    TooLate(Duration),
    #[error(transparent)]
    Backup(#[from] backup::Error),
}

pub struct Backups {
    pub data_dir: PathBuf,
    pub changes: Arc<Changes>,
    pub holds: Arc<Holds>,
    pub writer: WriterHandle,
    busy: AtomicBool,
    progress: Mutex<Option<Arc<Progress>>>,
}

impl Backups {
    pub fn new(
        data_dir: PathBuf,
        changes: Arc<Changes>,
        holds: Arc<Holds>,
        writer: WriterHandle,
    ) -> Backups {
        Backups {
            data_dir,
            changes,
            holds,
            writer,
            busy: AtomicBool::new(false),
            progress: Mutex::default(),
        }
    }

    /// What the present one is at.
    pub fn progress(&self) -> Option<Value> {
        let progress = self.progress.lock();
        let (stage, percent) = progress.as_ref()?.now();
        Some(json!({ "stage": stage, "percent": percent }))
    }

    /// Ends when the one that asked does not wait any more.
    pub async fn run(self: &Arc<Backups>, order: Order) -> Result<Value, Refused> {
        let place = self.place()?;
        // The rows that history lacks stay from here on, whatever is reckoned to go; what was
        // reckoned before has gone when the writer answers.
        self.holds
            .hold(Holder::Backup, self.changes.position(View::History));
        let answered = self.writer.running().await;
        answered.map_err(|_| Refused::Stopping)?;
        let waited_for = WaitedFor(place.progress.clone());
        let data_dir = self.data_dir.clone();
        let work = tokio::task::spawn_blocking(move || {
            let done = perform(&order, data_dir, &place.progress);
            drop(place);
            done
        });
        let outcome = timeout(BACKUP_DEADLINE, work).await;
        drop(waited_for);
        match outcome {
            Ok(Ok(done)) => done,
            Ok(Err(_)) => Err(Refused::Stopping),
            Err(_) => Err(Refused::TooLate(BACKUP_DEADLINE)),
        }
    }

    fn place(self: &Arc<Backups>) -> Result<Place, Refused> {
        if self.busy.swap(true, Ordering::AcqRel) {
            return Err(Refused::Busy);
        }
        let progress = Arc::new(Progress::default());
        let mut present = self.progress.lock();
        *present = Some(progress.clone());
        Ok(Place {
            backups: self.clone(),
            progress,
        })
    }
}

/// The one place for a backup; what it held is let go with it.
struct Place {
    backups: Arc<Backups>,
    progress: Arc<Progress>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let backups = &self.backups;
        backups.holds.release(Holder::Backup);
        let mut present = backups.progress.lock();
        *present = None;
        backups.busy.store(false, Ordering::Release);
    }
}

/// The work ends with the one that waits for it.
struct WaitedFor(Arc<Progress>);

impl Drop for WaitedFor {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// Makes the backup and rotates those of its folder; the journal must be held, or nobody prune it.
/// Answers what was made, and what went.
pub fn perform(order: &Order, data_dir: PathBuf, progress: &Progress) -> Result<Value, Refused> {
    let now_ms = now_ms();
    let to = match &order.to {
        Some(to) => to.clone(),
        None => backup::own_folder(&data_dir)?,
    };
    let target = Target::of(&to, now_ms);
    if order.keep.is_some() && !target.named_by_time {
        return Err(Refused::KeepOfFile);
    }
    // Into the daemon's own folder there is one backup at a time.
    target.prepare(match order.to {
        Some(_) => BACKUP_DEADLINE,
        None => Duration::ZERO,
    })?;
    let taken = backup::take(&data_dir, &target.path, now_ms, progress)?;
    let removed = match order.keep {
        Some(keep) => rotate(&taken.path, keep)?,
        None => Vec::new(),
    };
    let path = taken.path.display().to_string();
    info!(
        path,
        bytes = taken.bytes,
        removed = removed.len(),
        "made a backup"
    );
    Ok(json!({
        "path": path,
        "bytes": taken.bytes,
        "history_seq": taken.manifest.history_seq,
        "journal_seq": taken.manifest.journal_seq,
        "removed": removed.len(),
    }))
}
