//! Those who wait for a task. The signal wakes, and the table decides: who is woken looks, and may
//! find that another was quicker.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::Poll;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

use agentpulse_tasks::task::Task;

/// Names that are kept though nobody waits for them.
const MAX_FORGOTTEN: usize = 1_024;

/// To whom tasks are assigned, and the type, for those who take one type alone: a signal that goes
/// to somebody who does not take the task is lost.
type Key = (String, Option<String>);

#[derive(Debug, Default)]
pub struct Waiting {
    all: Mutex<HashMap<Key, Weak<Notify>>>,
    #[cfg(test)]
    pub woken: std::sync::atomic::AtomicUsize,
}

/// Who waits. One that is dropped after it was woken hands the signal on.
pub struct Waiter(Vec<Wait>);

struct Wait {
    key: Key,
    notify: Arc<Notify>,
    wait: Pin<Box<OwnedNotified>>,
}

/// A task was there. Another waiter is woken for it, unless the one that was woken takes it or
/// finds that there is none: it may go away, its claim may fail, or be given another task.
pub struct Signal {
    key: Key,
    notify: Arc<Notify>,
    is_met: bool,
}

impl Waiting {
    /// From now on no signal is missed: a look at the table comes after this.
    pub fn enter(&self, to: &[String], types: &[String]) -> Waiter {
        let keys = to.iter().flat_map(|to| {
            let all = types.is_empty().then_some(None);
            let each = types.iter().map(|of_type| Some(of_type.clone()));
            let keys = all.into_iter().chain(each);
            keys.map(|of_type| (to.clone(), of_type))
        });
        let mut all = self.all.lock();
        if all.len() > MAX_FORGOTTEN {
            all.retain(|_, notify| notify.strong_count() > 0);
        }
        let waits = keys.map(|key| {
            let known = all.get(&key).and_then(Weak::upgrade);
            let notify = known.unwrap_or_else(|| {
                let notify = Arc::new(Notify::new());
                all.insert(key.clone(), Arc::downgrade(&notify));
                notify
            });
            let mut wait = Box::pin(notify.clone().notified_owned());
            wait.as_mut().enable();
            Wait { key, notify, wait }
        });
        Waiter(waits.collect())
    }

    /// A task is there: for one of those who take all of its kind, and for one who takes its type.
    pub fn wake(&self, to: &str, of_type: &str) {
        let all = self.all.lock();
        for of_type in [None, Some(of_type.to_owned())] {
            let notify = all.get(&(to.to_owned(), of_type)).and_then(Weak::upgrade);
            if let Some(notify) = notify {
                notify.notify_one();
            }
        }
    }
}

impl Waiter {
    pub async fn woken(&mut self) -> Signal {
        let waits = &mut self.0;
        let wait = poll_fn(|context| {
            let mut all = waits.iter_mut();
            match all.position(|wait| wait.wait.as_mut().poll(context).is_ready()) {
                Some(place) => Poll::Ready(place),
                None => Poll::Pending,
            }
        })
        .await;
        Signal {
            key: self.0[wait].key.clone(),
            notify: self.0[wait].notify.clone(),
            is_met: false,
        }
    }
}

impl Signal {
    /// What came of it: the task that was newly taken, or None if there was none.
    pub fn meet(mut self, taken: Option<&Task>) {
        let (to, of_type) = &self.key;
        let is_of_key = |task: &Task| {
            task.assigned_to == *to && of_type.as_ref().is_none_or(|of| *of == task.task_type)
        };
        self.is_met = taken.is_none_or(is_of_key);
    }
}

impl Drop for Signal {
    fn drop(&mut self) {
        if !self.is_met {
            self.notify.notify_one();
        }
    }
}
