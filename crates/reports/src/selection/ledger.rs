//! The ledger of selections: it alone writes them and what was reported of them, and learns from it
//! once it is on the disk.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};
use tracing::{error, warn};

use agentpulse_pipeline::clock::now_ms;
use agentpulse_selection::learning::Learner;
use agentpulse_store::registry::{Counted, Kept, Reported, Run, Selections, Settled};
use agentpulse_store::sqlite::Error;

use crate::error::Error as Unanswered;

use super::feedback::reported;
use super::learned::{Learned, teach};

/// Each waits for one commit.
const MAX_WAITING: usize = 64;
/// A commit takes milliseconds.
const MAX_WAIT: Duration = Duration::from_secs(1);
const PRUNE_EVERY: Duration = Duration::from_secs(24 * 3_600);

type Order = Box<dyn FnOnce(&mut Book) + Send>;

/// Nothing was written, or it is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unwritten;

#[derive(Clone)]
pub struct LedgerHandle {
    orders: mpsc::Sender<Order>,
    learned: Arc<Learned>,
    /// None where there is none.
    reader: Option<Arc<Mutex<Selections>>>,
}

pub struct Ledger {
    book: Book,
    orders: mpsc::Receiver<Order>,
}

pub struct Book {
    store: Selections,
    learned: Arc<Learned>,
}

/// Without a database that can be opened nothing is kept, and there is nothing to run.
pub fn open(path: &Path) -> (LedgerHandle, Option<Ledger>) {
    let (sender, orders) = mpsc::channel(MAX_WAITING);
    let learned = Arc::<Learned>::default();
    let opened = Selections::open(path)
        .and_then(|store| Ok((store, Selections::open_to_read(path)?)))
        .inspect_err(|error| warn!(%error, "selections are not kept"));
    let (store, reader) = opened.ok().unzip();
    if store.is_none() {
        learned.set_ready();
    }
    let handle = LedgerHandle {
        orders: sender,
        learned: learned.clone(),
        reader: reader.map(|reader| Arc::new(Mutex::new(reader))),
    };
    let ledger = store.map(|store| Ledger {
        book: Book { store, learned },
        orders,
    });
    (handle, ledger)
}

impl LedgerHandle {
    pub fn learned(&self) -> &Arc<Learned> {
        &self.learned
    }

    /// What is counted of selections since then. Blocks for the disk.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn counted(&self, since_ms: i64) -> Result<Vec<Counted>, Unanswered> {
        let none = || Unanswered::Unavailable("selections are not kept".to_owned());
        let reader = self.reader.as_ref().ok_or_else(none)?.lock();
        let counted = reader.counted(since_ms);
        counted.map_err(|error| Unanswered::Unavailable(format!("registry: {error}")))
    }

    /// Waits for the disk.
    pub async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Book) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Unwritten> {
        self.write_within(MAX_WAIT, work).await
    }

    pub async fn write_within<T: Send + 'static>(
        &self,
        wait: Duration,
        work: impl FnOnce(&mut Book) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Unwritten> {
        let (sender, answer) = oneshot::channel();
        let order = move |book: &mut Book| {
            // Who asked may have given up.
            let _ = sender.send(work(book));
        };
        let sent = self.orders.try_send(Box::new(order));
        sent.map_err(|_| Unwritten)?;
        match timeout(wait, answer).await {
            Ok(Ok(Ok(done))) => Ok(done),
            Ok(Ok(Err(error))) => {
                warn!(%error, "a selection cannot be kept");
                Err(Unwritten)
            }
            Ok(Err(_)) | Err(_) => Err(Unwritten),
        }
    }
}

impl Ledger {
    /// Runs until `stop`.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => {}
            () = self.serve() => error!("the ledger of selections ended by a fault"),
        }
    }

    async fn serve(self) {
        let Ledger { book, mut orders } = self;
        let mut next = apply(book, Book::begin).await;
        while let Some(book) = next {
            next = tokio::select! {
                Some(order) = orders.recv() => apply(book, order).await,
                () = sleep(PRUNE_EVERY) => apply(book, Book::begin).await,
                else => return,
            };
        }
    }
}

/// Returns None if it ended by a fault, which is in the log.
async fn apply(mut book: Book, order: impl FnOnce(&mut Book) + Send + 'static) -> Option<Book> {
    let applied = spawn_blocking(move || {
        order(&mut book);
        book
    });
    applied.await.ok()
}

impl Book {
    #[cfg(test)]
    pub fn of(store: Selections) -> Book {
        let learned = Arc::default();
        Book { store, learned }
    }

    /// Lets go of what is old, and learns from what is left.
    fn begin(&mut self) {
        let pruned = self.store.prune(now_ms());
        let learned = pruned.and_then(|_| self.learn());
        if let Err(error) = learned {
            warn!(%error, "what selections taught cannot be read");
        }
        self.learned.set_ready();
    }

    fn learn(&mut self) -> Result<(), Error> {
        let mut learner = Learner::default();
        let each = |settled: Settled| teach(&mut learner, &settled);
        self.store.each_reported(None, each)?;
        self.learned.replace(learner);
        Ok(())
    }

    pub fn keep(&mut self, kept: &Kept) -> Result<(), Error> {
        self.store.keep(kept)
    }

    pub fn find(&self, id: &str) -> Result<Option<Settled>, Error> {
        self.store.find(id)
    }

    /// Writes what was reported of a selection, and learns it. What was known of it before is
    /// forgotten: all of its asker is learned again.
    pub fn report(&mut self, before: &Settled, reported: Reported) -> Result<(), Error> {
        let id = &before.kept.id;
        let reported_ms = now_ms();
        self.store.report(id, &reported, reported_ms)?;
        if before.place.is_none() {
            let settled = Settled {
                kept: before.kept.clone(),
                reported,
                reported_ms: Some(reported_ms),
                place: None,
            };
            return self.learned.change(|learner| {
                teach(learner, &settled);
                Ok(())
            });
        }
        let (store, asker) = (&self.store, before.kept.asker.as_str());
        self.learned.change(|learner| {
            learner.forget(asker);
            store.each_reported(Some(asker), |settled| teach(learner, &settled))
        })
    }

    /// Those since then whose sessions are known and whose executions are not, the oldest first.
    pub fn followed(&self, since_ms: i64, most: usize) -> Result<Vec<Kept>, Error> {
        self.store.followed(since_ms, most)
    }

    /// An execution took the task.
    pub fn link(&mut self, id: &str, run: Run) -> Result<(), Error> {
        let Some(before) = self.store.find(id)? else {
            // It was forgotten.
            return Ok(());
        };
        let reported = reported(before.reported.word.clone(), Some(run));
        self.report(&before, reported)
    }

    /// Returns how many selections were kept.
    pub fn forget(&mut self) -> Result<usize, Error> {
        let forgotten = self.store.forget()?;
        self.learned.replace(Learner::default());
        Ok(forgotten)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agentpulse_store::registry::{Shown, Word};

    #[test]
    fn of_what_is_reported_again_the_last_word_counts_once() {
        let dir = tempfile::tempdir().unwrap();
        let store = Selections::open(&dir.path().join("registry.db")).unwrap();
        let mut book = Book::of(store);
        let shown = |id: &str| Shown {
            id: id.to_owned(),
            name: id.to_owned(),
            base: 0.5,
            surprise: 0.0,
        };
        let kept = Kept {
            id: "sel_1".to_owned(),
            at_ms: now_ms(),
            asker: "user".to_owned(),
            project: None,
            session_id: None,
            terms: vec!["query".to_owned()],
            shown: vec![shown("a"), shown("b")],
            recommended: Some("a".to_owned()),
            unlearned: None,
            propensity: None,
        };
        book.keep(&kept).unwrap();
        // By agent: how often it was shown, chosen and rated.
        let expected = [
            ("a", vec![("a", 1, 1, 1)]),
            ("a", vec![("a", 1, 1, 1)]),
            ("b", vec![("a", 1, 0, 0), ("b", 1, 1, 1)]),
        ];
        for (chosen, expected) in expected {
            let word = Word {
                chosen: chosen.to_owned(),
                outcome: None,
                rating: Some(5),
            };
            let before = book.find("sel_1").unwrap().unwrap();
            book.report(&before, reported(Some(word), None)).unwrap();
            let learner = book.learned.read();
            let said = learner.preferences("user", None);
            let mut said: Vec<_> = said
                .map(|(agent, of)| (agent, of.shown, of.chosen, of.ratings))
                .collect();
            said.sort_unstable();
            assert_eq!(said, expected, "after {chosen}");
        }
    }
}
