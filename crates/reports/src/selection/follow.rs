//! Selections whose session is known, until the agent that took the task has ended.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::sleep;
use tracing::warn;

use agentpulse_core::execution::{Execution, Status};
use agentpulse_core::view::Active;
use agentpulse_definitions::Scope;
use agentpulse_store::history::{Error as HistoryError, Filter, Reader};
use agentpulse_store::registry::{Kept, Run};

use super::Selections;
use super::ledger::{Book, Unwritten};

/// An execution is in the history some seconds after its end.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// So long after its selection an agent may start.
const WINDOW_MS: i64 = 10 * 60_000;
/// A start is known this late at most.
const LATE_MS: i64 = 60_000;
/// An execution that takes longer is not waited for.
pub const FOLLOWED_MS: i64 = 24 * 3_600_000;
/// The newest.
pub const MAX_FOLLOWED: usize = 256;
/// Executions of a session that are read for one selection.
const MAX_EXECUTIONS: usize = 200;

#[derive(Clone, Debug, PartialEq)]
struct Followed {
    id: String,
    session_id: String,
    /// An agent that starts within it took the task.
    window_ms: (i64, i64),
    /// Those that were shown, by name and id.
    shown: Vec<(String, String)>,
}

/// What is followed, the oldest first.
#[derive(Default)]
pub struct Following {
    followed: Mutex<VecDeque<Arc<Followed>>>,
    added: Notify,
}

impl Following {
    /// The next selection of a session ends the window of those before it. The oldest of too many
    /// goes.
    pub fn add(&self, kept: &Kept) {
        let Some(session_id) = &kept.session_id else {
            return;
        };
        let mut followed = self.followed.lock();
        for one in followed.iter_mut() {
            if one.session_id == *session_id && one.window_ms.1 > kept.at_ms {
                Arc::make_mut(one).window_ms.1 = kept.at_ms;
            }
        }
        if followed.len() == MAX_FOLLOWED {
            followed.pop_front();
        }
        let shown = kept.shown.iter().map(|one| (&one.name, &one.id));
        followed.push_back(Arc::new(Followed {
            id: kept.id.clone(),
            session_id: session_id.clone(),
            window_ms: (kept.at_ms, kept.at_ms + WINDOW_MS),
            shown: shown.map(|(name, id)| (name.clone(), id.clone())).collect(),
        }));
        self.added.notify_one();
    }

    fn all(&self) -> Vec<Arc<Followed>> {
        self.followed.lock().iter().cloned().collect()
    }

    fn remove(&self, ids: &HashSet<String>) {
        self.followed.lock().retain(|one| !ids.contains(&one.id));
    }

    pub fn clear(&self) {
        self.followed.lock().clear();
    }

    async fn added(&self) {
        while self.followed.lock().is_empty() {
            self.added.notified().await;
        }
    }
}

impl Followed {
    /// The id of the definition of an agent that could have taken the task. Of two of one name it
    /// is not known.
    fn taker(&self, agent_name: &str, started_ms: i64) -> Option<&str> {
        let (from, to) = self.window_ms;
        let mut named = self.shown.iter().filter(|(name, _)| name == agent_name);
        match (named.next(), named.next()) {
            (Some((_, id)), None) if (from..to).contains(&started_ms) => Some(id),
            _ => None,
        }
    }

    /// The first that started, if it has ended, whatever the order of the ends.
    fn run(&self, ended: &[Arc<Execution>], running: &[Arc<Active>]) -> Option<Run> {
        let started = |one: &Arc<Execution>| one.started_ms();
        let of_it = ended.iter().filter_map(|one| {
            let agent_id = self.taker(one.agent_name(), started(one)?)?;
            Some((started(one)?, one, agent_id))
        });
        let (started_ms, one, agent_id) = of_it.min_by_key(|(started_ms, ..)| *started_ms)?;
        if self
            .running(running)
            .any(|run| run.started_ms <= started_ms)
        {
            return None;
        }
        let status = one.outcome()?.status;
        Some(Run {
            execution_id: one.id.clone(),
            agent_id: agent_id.to_owned(),
            is_success: status == Status::Success,
        })
    }

    fn running<'a>(&'a self, running: &'a [Arc<Active>]) -> impl Iterator<Item = &'a Arc<Active>> {
        running.iter().filter(|run| {
            run.session_id.as_deref() == Some(&self.session_id)
                && self.taker(&run.agent_name, run.started_ms).is_some()
        })
    }

    /// Nothing is to be expected of it any more.
    fn is_over(&self, running: &[Arc<Active>], now_ms: i64) -> bool {
        let (from, to) = self.window_ms;
        let is_waited_for = self.running(running).next().is_some();
        now_ms > from + FOLLOWED_MS || now_ms > to + LATE_MS && !is_waited_for
    }
}

/// What ended in the sessions, of each selection with its place.
fn ended(
    reader: &Reader,
    followed: &[Arc<Followed>],
) -> Result<Vec<Vec<Arc<Execution>>>, HistoryError> {
    let of_one = |one: &Arc<Followed>| {
        let filter = Filter {
            session_id: Some(one.session_id.clone()),
            from_ms: Some(one.window_ms.0),
            ..Filter::default()
        };
        let page = reader.executions(&filter, None, MAX_EXECUTIONS)?;
        let executions = page.executions.into_iter().map(|(_, execution)| execution);
        // One that was stopped from outside says nothing of itself.
        Ok(executions.filter(|one| !one.is_closed()).collect())
    };
    followed.iter().map(of_one).collect()
}

impl Selections {
    /// What is kept from before the start is followed as well.
    pub(super) async fn follow_ends(&self) {
        self.known.learned.ready().await;
        let since_ms = (self.now_ms)() - FOLLOWED_MS;
        let kept = self
            .ledger
            .write(move |book| book.followed(since_ms, MAX_FOLLOWED))
            .await;
        for kept in kept.unwrap_or_default() {
            self.following.add(&kept);
        }
        loop {
            self.following.added().await;
            sleep(LOOK_EVERY).await;
            self.look().await;
        }
    }

    async fn look(&self) {
        let followed = self.following.all();
        // What runs is read first: what ended meanwhile is read next time.
        let running: Vec<Arc<Active>> = self
            .sources
            .running
            .all()
            .into_iter()
            .map(|run| run.known)
            .collect();
        let asked = followed.clone();
        let ended = self
            .sources
            .history(move |reader| ended(reader, &asked))
            .await;
        let ended = match ended {
            Ok(ended) => ended,
            Err(error) => return warn!(%error, "the ends of selections cannot be read"),
        };
        let mut settled = HashSet::new();
        for (one, ended) in followed.iter().zip(&ended) {
            let run = one.run(ended, &running);
            let is_settled = match run.filter(|run| self.is_its_own(&run.agent_id)) {
                Some(run) => self.link(one, run).await.is_ok(),
                None => one.is_over(&running, (self.now_ms)()),
            };
            if is_settled {
                settled.insert(one.id.clone());
            }
        }
        self.following.remove(&settled);
    }

    /// Whether executions of its name are of this definition, and of none that a client looks for.
    fn is_its_own(&self, id: &str) -> bool {
        let current = self.sources.definitions.handle.now();
        let agent = current.snapshot.registered.agents.get(id);
        let of_library = agent.filter(|agent| agent.scope == Scope::Library);
        of_library.is_none_or(|agent| {
            let indexed = self.known.indexed.borrow();
            indexed.id_of(agent.run_name()) == Some(id)
        })
    }

    async fn link(&self, one: &Followed, run: Run) -> Result<(), Unwritten> {
        let id = one.id.clone();
        let linked = self
            .ledger
            .write(move |book: &mut Book| book.link(&id, run))
            .await;
        linked.inspect(|()| self.counters.selections_linked.add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agentpulse_store::registry::Shown;

    fn kept(id: &str, at_ms: i64) -> Kept {
        let shown = |id: &str, name: &str| Shown {
            id: id.to_owned(),
            name: name.to_owned(),
            base: 0.5,
            surprise: 0.0,
        };
        Kept {
            id: id.to_owned(),
            at_ms,
            asker: "user".to_owned(),
            project: None,
            session_id: Some("s".to_owned()),
            terms: Vec::new(),
            shown: vec![shown("a", "one"), shown("b", "two"), shown("c", "two")],
            recommended: None,
            unlearned: None,
            propensity: None,
        }
    }

    #[test]
    fn an_agent_that_was_shown_and_starts_in_time_took_the_task() {
        let following = Following::default();
        following.add(&kept("first", 1_000));
        following.add(&kept("second", 61_000));
        let all = following.all();
        let taker = |place: usize, name: &str, at_ms| all[place].taker(name, at_ms);
        assert_eq!(taker(0, "one", 1_000), Some("a"));
        assert_eq!(taker(0, "one", 61_000), None);
        assert_eq!(taker(1, "one", 61_000), Some("a"));
        assert_eq!(taker(1, "one", 61_000 + WINDOW_MS), None);
        assert_eq!(taker(0, "two", 1_000), None);
        assert_eq!(taker(0, "three", 1_000), None);
    }

    #[test]
    fn it_is_followed_until_nothing_can_come_and_the_oldest_goes() {
        let following = Following::default();
        for number in 0..=MAX_FOLLOWED as i64 {
            following.add(&kept(&number.to_string(), number));
        }
        let all = following.all();
        assert_eq!((all.len(), all[0].id.as_str()), (MAX_FOLLOWED, "1"));
        let last = &all[MAX_FOLLOWED - 1];
        let (from, to) = last.window_ms;
        assert!(!last.is_over(&[], to + LATE_MS) && last.is_over(&[], to + LATE_MS + 1));
        assert!(last.is_over(&[], from + FOLLOWED_MS + 1));
        following.remove(&HashSet::from(["1".to_owned()]));
        assert_eq!(following.all()[0].id, "2");
    }
}
