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

/// Names that are kept though nobody waits for them.
const MAX_FORGOTTEN: usize = 1_024;

/// To whom tasks are assigned, and the type, for those who take one type alone: a signal that goes
/// to somebody who does not take the task is lost.
type Key = (String, Option<String>);

#[derive(Debug, Default)]
pub struct Waiting(Mutex<HashMap<Key, Weak<Notify>>>);

/// Who waits. One that is dropped after it was woken, and before it looked, hands the signal on.
pub struct Waiter(Vec<Pin<Box<OwnedNotified>>>);

impl Waiting {
    /// From now on no signal is missed: a look at the table comes after this.
    pub fn enter(&self, to: &[String], types: &[String]) -> Waiter {
        let keys = to.iter().flat_map(|to| {
            let all = types.is_empty().then_some(None);
            let each = types.iter().map(|of_type| Some(of_type.clone()));
            let keys = all.into_iter().chain(each);
            keys.map(|of_type| (to.clone(), of_type))
        });
        let mut all = self.0.lock();
        if all.len() > MAX_FORGOTTEN {
            all.retain(|_, notify| notify.strong_count() > 0);
        }
        let waits = keys.map(|key| {
            let known = all.get(&key).and_then(Weak::upgrade);
            let notify = known.unwrap_or_else(|| {
                let notify = Arc::new(Notify::new());
                all.insert(key, Arc::downgrade(&notify));
                notify
            });
            let mut wait = Box::pin(notify.notified_owned());
            wait.as_mut().enable();
            wait
        });
        Waiter(waits.collect())
    }

    /// A task is there: for one of those who take all of its kind, and for one who takes its type.
    pub fn wake(&self, to: &str, of_type: &str) {
        let all = self.0.lock();
        for of_type in [None, Some(of_type.to_owned())] {
            let notify = all.get(&(to.to_owned(), of_type)).and_then(Weak::upgrade);
            if let Some(notify) = notify {
                notify.notify_one();
            }
        }
    }
}

impl Waiter {
    pub async fn woken(&mut self) {
        poll_fn(|context| {
            let mut all = self.0.iter_mut();
            match all.any(|wait| wait.as_mut().poll(context).is_ready()) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
    }
}
