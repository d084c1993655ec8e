//! Readers for tasks that must not block: a few of them, each question with a deadline. What takes
//! long does not keep waiting what is found at once: each kind of question has its own readers.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::InterruptHandle;
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

use crate::sqlite::{Error, Result};

use super::read::Reader;

/// More of a kind would only wait for each other and for the flusher.
pub const LOOKUPS: usize = 4;
pub const SCANS: usize = 2;
const OWN: usize = 2;
/// Who comes when so many wait already is refused at once.
const WAITING: usize = 64;
/// Longer than any question takes beside millions of executions, and as long as a person waits.
const DEADLINE: Duration = Duration::from_secs(10);
/// An index finds what is looked up: it takes milliseconds.
const LOOKUP_DEADLINE: Duration = Duration::from_secs(5);
/// An interrupt ends the statement that runs; the one after it has to be interrupted again.
const INTERRUPT_INTERVAL: Duration = Duration::from_millis(20);

/// The readers of each kind of question.
#[derive(Clone)]
pub struct Lanes {
    /// What an index finds, or a few hundred rows answer.
    pub lookups: Readers,
    /// What reads many rows.
    pub scans: Readers,
    /// What the daemon itself asks: no client keeps it waiting.
    pub own: Readers,
}

impl Lanes {
    /// Blocks while the files are opened.
    pub fn open(path: &Path) -> Result<Lanes> {
        Ok(Lanes {
            lookups: Readers::open(path, LOOKUPS, LOOKUP_DEADLINE)?,
            scans: Readers::open(path, SCANS, DEADLINE)?,
            own: Readers::open(path, OWN, DEADLINE)?,
        })
    }
}

#[derive(Clone)]
pub struct Readers {
    pool: Arc<Pool>,
}

struct Pool {
    path: PathBuf,
    deadline: Duration,
    places: Semaphore,
    waiting: Semaphore,
    idle: Mutex<Vec<Reader>>,
}

impl Readers {
    fn open(path: &Path, count: usize, deadline: Duration) -> Result<Readers> {
        let idle = (0..count)
            .map(|_| Reader::open(path))
            .collect::<Result<_>>()?;
        Ok(Readers {
            pool: Arc::new(Pool {
                path: path.to_owned(),
                deadline,
                places: Semaphore::new(count),
                waiting: Semaphore::new(WAITING),
                idle: Mutex::new(idle),
            }),
        })
    }

    /// Runs `f` on a thread for blocking work. An error that [`Error::is_busy`] when no reader was
    /// free in time, or when `f` took too long and its statement was interrupted.
    pub async fn run<T: Send + 'static>(
        &self,
        f: impl FnOnce(&Reader) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let pool = Arc::clone(&self.pool);
        let path = pool.path.clone();
        // A task of its own, so that the deadline holds also when nobody waits any more.
        match tokio::spawn(async move { pool.run(f).await }).await {
            Ok(answer) => answer,
            Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
            Err(_) => Err(Error::closing(&path)),
        }
    }
}

impl Pool {
    async fn run<T: Send + 'static>(
        &self,
        f: impl FnOnce(&Reader) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let waiting = self.waiting.try_acquire();
        let place = match &waiting {
            Ok(_) => timeout(self.deadline, self.places.acquire()).await,
            Err(_) => return Err(Error::crowded(&self.path)),
        };
        drop(waiting);
        let Ok(Ok(_place)) = place else {
            return Err(Error::crowded(&self.path));
        };
        let Some(reader) = self.idle.lock().pop() else {
            return Err(Error::closing(&self.path));
        };
        let interrupt = reader.interrupt_handle();
        let job = spawn_blocking(move || {
            let answer = catch_unwind(AssertUnwindSafe(|| f(&reader)));
            (reader, answer)
        });
        let (answer, in_time) = self.watch(job, interrupt).await;
        let Ok((reader, answer)) = answer else {
            return Err(Error::closing(&self.path));
        };
        self.idle.lock().push(reader);
        match answer {
            Err(panic) => resume_unwind(panic),
            Ok(Err(_)) if !in_time => Err(Error::too_slow(&self.path, self.deadline)),
            Ok(answer) => answer,
        }
    }

    /// Waits for the job, and from the deadline on interrupts it until it ends.
    async fn watch<T>(
        &self,
        mut job: JoinHandle<T>,
        interrupt: InterruptHandle,
    ) -> (std::result::Result<T, tokio::task::JoinError>, bool) {
        if let Ok(answer) = timeout(self.deadline, &mut job).await {
            return (answer, true);
        }
        loop {
            interrupt.interrupt();
            if let Ok(answer) = timeout(INTERRUPT_INTERVAL, &mut job).await {
                return (answer, false);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::super::sample::{NOW_MS, World, start};
    use super::*;

    /// Counts for longer than anybody waits.
    fn count_for_ever(reader: &Reader) -> Result<i64> {
        reader.db.read(|conn| {
            conn.query_row(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
                 SELECT count(*) FROM n",
                [],
                |row| row.get(0),
            )
        })
    }

    fn world() -> World {
        let mut world = World::new();
        world.record("a", start("x", NOW_MS));
        world.flush();
        world
    }

    fn readers(world: &World) -> Readers {
        Readers::open(&world.path, LOOKUPS, DEADLINE).unwrap()
    }

    #[tokio::test]
    async fn scans_that_hold_all_their_readers_keep_no_lookup_waiting() {
        let world = world();
        let lanes = Lanes::open(&world.path).unwrap();
        let barrier = Arc::new(tokio::sync::RwLock::new(()));
        let closed = barrier.write().await;
        let mut scans = tokio::task::JoinSet::new();
        for _ in 0..SCANS + WAITING {
            let (scans_of, barrier) = (lanes.scans.clone(), barrier.clone());
            let ask = move |reader: &Reader| {
                drop(barrier.blocking_read());
                reader.count()
            };
            scans.spawn(async move { scans_of.run(ask).await });
        }
        for readers in [&lanes.lookups, &lanes.own] {
            assert_eq!(readers.run(|reader| reader.count()).await.unwrap(), 1);
        }
        assert!(scans.try_join_next().is_none(), "the barrier is closed");
        drop(closed);
        for answer in scans.join_all().await {
            assert_eq!(answer.unwrap(), 1);
        }
    }

    #[tokio::test]
    async fn a_question_that_takes_too_long_is_ended_and_its_reader_answers_the_next() {
        let world = world();
        let readers = Readers::open(&world.path, LOOKUPS, Duration::from_millis(50)).unwrap();
        for _ in 0..2 * LOOKUPS {
            let error = readers.run(count_for_ever).await.unwrap_err();
            assert!(error.is_busy(), "{error:?}");
            assert!(error.to_string().contains("longer than 50 ms"), "{error}");
        }
        let patient = Readers::open(&world.path, LOOKUPS, DEADLINE).unwrap();
        let running = patient.run(Reader::running_count).await.unwrap();
        assert_eq!(running, 1);
    }

    #[tokio::test]
    async fn no_more_run_at_a_time_than_there_are_readers() {
        let world = world();
        let readers = readers(&world);
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let questions: Vec<_> = (0..WAITING)
            .map(|_| {
                let (readers, now, most) = (readers.clone(), now.clone(), most.clone());
                tokio::spawn(async move {
                    let ask = move |reader: &Reader| {
                        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        let running = reader.running_count();
                        now.fetch_sub(1, Ordering::SeqCst);
                        running
                    };
                    readers.run(ask).await.unwrap()
                })
            })
            .collect();
        for question in questions {
            assert_eq!(question.await.unwrap(), 1);
        }
        assert!((1..=LOOKUPS).contains(&most.load(Ordering::SeqCst)));
    }

    #[tokio::test]
    async fn a_read_beyond_the_queue_is_refused_at_once() {
        let world = world();
        let readers = readers(&world);
        let barrier = Arc::new(tokio::sync::RwLock::new(()));
        let closed = barrier.write().await;
        let mut questions = tokio::task::JoinSet::new();
        for _ in 0..LOOKUPS + WAITING + 1 {
            let (readers, barrier) = (readers.clone(), barrier.clone());
            questions.spawn(async move {
                let ask = move |reader: &Reader| {
                    drop(barrier.blocking_read());
                    reader.count()
                };
                readers.run(ask).await
            });
        }
        let refused = questions.join_next().await.unwrap().unwrap();
        assert!(
            refused.unwrap_err().is_busy(),
            "nobody else can have an answer"
        );
        drop(closed);
        for answer in questions.join_all().await {
            assert_eq!(answer.unwrap(), 1);
        }
    }

    #[tokio::test]
    async fn a_question_that_panics_gives_its_reader_back() {
        let world = world();
        let readers = readers(&world);
        for _ in 0..2 * LOOKUPS {
            let readers = readers.clone();
            let ask = async move {
                readers
                    .run(|_| -> Result<()> { panic!("of the test") })
                    .await
            };
            assert!(tokio::spawn(ask).await.unwrap_err().is_panic());
        }
        assert_eq!(readers.run(|reader| reader.count()).await.unwrap(), 1);
    }
}
