//! Follows the executions that work on tasks: each of their heartbeats renews the lease, and an end
//! without a word gives the task back. No worker that reports to hooks needs a heartbeat for its
//! task.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::sleep;
use tracing::warn;

use agentpulse_core::kind::Kind;
use agentpulse_core::turns::turn_of;
use agentpulse_core::view::Active;
use agentpulse_pipeline::changes::Changes;
use agentpulse_pipeline::running::Running;
use agentpulse_tasks::link::Link;

use crate::chance;
use crate::handle::{Denied, Queue};
use crate::links::Held;
use crate::operation::{Applied, Operation};
use crate::ops;

/// While a task is held by an execution that is known.
const LOOK_EVERY: Duration = Duration::from_secs(1);

pub struct Liveness {
    queue: Arc<Queue>,
    running: Arc<Running>,
    changes: Arc<Changes>,
    /// By task.
    followed: HashMap<i64, Followed>,
}

/// What was seen of those who work on a claim.
struct Followed {
    claim: i64,
    /// The last heartbeat; None: none was seen yet.
    seen: Option<Duration>,
    /// Since when none of them runs.
    gone: Option<Instant>,
}

type Work = Box<dyn FnOnce(&mut Operation) -> Applied<()> + Send>;

/// What is to be done about a claim.
#[derive(Debug, PartialEq)]
enum Act {
    Nothing,
    Renew,
    Abandon,
}

/// Those of which the last heartbeat is asked for.
#[derive(Default)]
struct Sought {
    agents: HashSet<String>,
    /// With a main thread.
    sessions: HashSet<String>,
}

impl Liveness {
    pub fn new(queue: Arc<Queue>, running: Arc<Running>, changes: Arc<Changes>) -> Liveness {
        Liveness {
            queue,
            running,
            changes,
            followed: HashMap::new(),
        }
    }

    /// Runs until `stop`.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        tokio::select! {
            () = self.follow() => {}
            // Without a sender the daemon is gone already.
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }

    async fn follow(&mut self) {
        loop {
            self.queue.links().some().await;
            if let Err(denied) = self.look().await {
                // What was not done is done the next time.
                warn!(%denied, "leases cannot be renewed");
            }
            sleep(LOOK_EVERY).await;
        }
    }

    async fn look(&mut self) -> Result<(), Denied> {
        let calls = self.queue.links().calls();
        let found = self
            .running
            .of_calls(calls.iter().map(|call| &*call.use_id));
        for call in &calls {
            if let Some(run) = found.get(&*call.use_id) {
                let (task, claim, link) = (call.task, call.claim, link_of(&run.known));
                let work = move |of: &mut Operation| ops::link(of, task, claim, link);
                self.queue.apply(0, work).await?;
                self.queue.links().found(call);
            }
        }
        let held = self.queue.links().held();
        self.followed.retain(|task, followed| {
            let known = held.get(task);
            known.is_some_and(|held| held.claim == followed.claim)
        });
        let sought = Sought::of(held.values());
        let runs = self.running.seen(|active| sought.takes(active));
        let abandon_after = self.queue.settings().abandon_after;
        let mut works: Vec<Work> = Vec::new();
        for (task, held) in held {
            let claim = held.claim;
            let own: Vec<(Link, Duration)> = runs
                .iter()
                .map(|(active, seen)| (link_of(active), *seen))
                .filter(|(link, _)| held.links.iter().any(|known| known.is_of_agent_of(link)))
                .collect();
            let is_reaped = || {
                let mut links = held.links.iter();
                links.any(|link| self.changes.ends.has_reaped(&link.execution))
            };
            let followed = self.followed.entry(task).or_insert(Followed {
                claim,
                seen: None,
                gone: None,
            });
            let last = own.iter().map(|(_, seen)| *seen).max();
            let is_main = held.links.iter().all(|link| link.is_main);
            match followed.act(last, is_main, abandon_after, is_reaped) {
                Act::Nothing => {}
                Act::Renew => works.push(Box::new(move |of| ops::renew(of, task, claim))),
                Act::Abandon => {
                    let chance = chance();
                    works.push(Box::new(move |of| ops::abandon(of, task, claim, chance)));
                }
            }
            for (link, _) in own {
                if !held.links.contains(&link) {
                    works.push(Box::new(move |of| ops::link(of, task, claim, link)));
                }
            }
        }
        if works.is_empty() {
            return Ok(());
        }
        let all = move |of: &mut Operation| works.into_iter().try_for_each(|work| work(of));
        self.queue.apply(0, all).await
    }
}

impl Followed {
    /// `last`: the last heartbeat of those who run. Nobody is given up who was never seen: the
    /// lease ends by itself. A main thread that rests waits for its user.
    fn act(
        &mut self,
        last: Option<Duration>,
        is_main: bool,
        abandon_after: Duration,
        is_reaped: impl Fn() -> bool,
    ) -> Act {
        if let Some(last) = last {
            self.gone = None;
            let is_new = self.seen.is_none_or(|seen| seen < last);
            self.seen = Some(last);
            return match is_new {
                true => Act::Renew,
                false => Act::Nothing,
            };
        }
        if self.seen.is_none() || is_main {
            return Act::Nothing;
        }
        let gone = *self.gone.get_or_insert_with(Instant::now);
        match gone.elapsed() >= abandon_after || is_reaped() {
            true => Act::Abandon,
            false => Act::Nothing,
        }
    }
}

impl Sought {
    fn of<'h>(held: impl Iterator<Item = &'h Held>) -> Sought {
        let mut sought = Sought::default();
        for link in held.flat_map(|held| &held.links) {
            match (&link.session, link.is_main) {
                (Some(session), true) => sought.sessions.insert(session.clone()),
                _ => sought.agents.insert(turn_of(&link.execution).0.to_owned()),
            };
        }
        sought
    }

    fn takes(&self, active: &Active) -> bool {
        let session = active.session_id.as_ref();
        match active.kind {
            Kind::Main => session.is_some_and(|session| self.sessions.contains(session)),
            _ => self.agents.contains(turn_of(&active.agent_id).0),
        }
    }
}

/// The execution that has a tool call open.
pub fn of_call(running: &Running, use_id: &str) -> Option<Link> {
    let found = running.of_calls([use_id]);
    found.get(use_id).map(|run| link_of(&run.known))
}

/// An execution that was named; it need not run yet.
pub fn of_execution(running: &Running, id: String) -> Link {
    match running.get(&id) {
        Some(run) => link_of(&run.known),
        None => Link {
            execution: id,
            session: None,
            is_main: false,
        },
    }
}

fn link_of(active: &Active) -> Link {
    Link {
        execution: active.agent_id.clone(),
        session: active.session_id.clone(),
        is_main: active.kind == Kind::Main,
    }
}
