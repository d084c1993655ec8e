//! Readers for those who may not block: a few connections, each question on a thread where it may
//! wait, with an end to its patience.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::reader::Reader;
use crate::sqlite::{Error, Result};

/// Questions at once; there are two cores where this was measured, and more only wait for them.
const READERS: usize = 4;
/// For a place, and then for the answer. The dashboard gives up after 10 s.
const DEADLINE: Duration = Duration::from_secs(10);
/// For a look over all executions: a million take seconds.
const LONG_DEADLINE: Duration = Duration::from_secs(300);

#[derive(Clone)]
pub struct Readers {
    path: Arc<PathBuf>,
    places: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Reader>>>,
}

impl Readers {
    /// Opens the first connection, so that a file that cannot be read is noticed now.
    pub fn open(path: &Path) -> Result<Readers> {
        Ok(Readers {
            path: Arc::new(path.to_owned()),
            places: Arc::new(Semaphore::new(READERS)),
            idle: Arc::new(Mutex::new(vec![Reader::open(path)?])),
        })
    }

    pub async fn run<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Reader) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.ask(DEADLINE, question).await
    }

    /// As [`run`](Self::run), for what may take minutes.
    pub async fn run_long<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Reader) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.ask(LONG_DEADLINE, question).await
    }

    async fn ask<T: Send + 'static>(
        &self,
        deadline: Duration,
        question: impl FnOnce(&Reader) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let place = timeout(DEADLINE, self.places.clone().acquire_owned()).await;
        let Ok(Ok(place)) = place else {
            return Err(Error::crowded(&self.path, DEADLINE));
        };
        let idle = self.idle().pop();
        let reader = match idle {
            Some(reader) => reader,
            None => Reader::open(&self.path)?,
        };
        let interrupt = reader.db.interrupt_handle();
        let this = self.clone();
        let mut answer = tokio::task::spawn_blocking(move || {
            let answer = question(&reader);
            this.idle().push(reader);
            drop(place);
            answer
        });
        let answered = match timeout(deadline, &mut answer).await {
            Ok(answered) => answered,
            Err(_) => {
                interrupt.interrupt();
                drop(answer.await);
                return Err(Error::too_slow(&self.path, deadline));
            }
        };
        answered.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Reader>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
