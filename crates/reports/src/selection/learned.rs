//! What outcomes taught, as it follows from the selections that are kept.

use std::sync::Arc;

use parking_lot::{RwLock, RwLockReadGuard};
use tokio::sync::watch;
use tokio::time::timeout;

use agentpulse_core::bucket::DAY_MS;
use agentpulse_selection::learning::{Choice, Ended, Learner};
use agentpulse_selection::reward::Reward;
use agentpulse_store::registry::Settled;

use super::INDEX_WAIT;

pub struct Learned {
    learner: RwLock<Learner>,
    /// What is kept was read.
    ready: watch::Sender<bool>,
}

impl Default for Learned {
    fn default() -> Learned {
        Learned {
            learner: RwLock::default(),
            ready: watch::Sender::new(false),
        }
    }
}

impl Learned {
    pub fn read(&self) -> RwLockReadGuard<'_, Learner> {
        self.learner.read()
    }

    /// Waits, just after the start of the daemon, until what is kept was read.
    pub async fn ready(&self) {
        let mut ready = self.ready.subscribe();
        let _ = timeout(INDEX_WAIT, ready.wait_for(|ready| *ready)).await;
    }

    pub fn set_ready(&self) {
        self.ready.send_replace(true);
    }

    pub fn replace(&self, learner: Learner) {
        *self.learner.write() = learner;
    }

    pub fn change<E>(&self, change: impl FnOnce(&mut Learner) -> Result<(), E>) -> Result<(), E> {
        change(&mut self.learner.write())
    }
}

/// Teaches what was reported of a selection.
pub fn teach(learner: &mut Learner, settled: &Settled) {
    let (kept, reported) = (&settled.kept, &settled.reported);
    let said = reported.word.as_ref().map(|word| word.chosen.as_str());
    let ran = reported.run.as_ref().map(|run| run.agent_id.as_str());
    let Some(taken) = said.or(ran) else {
        return;
    };
    let Some(place) = kept.shown.iter().position(|one| one.id == taken) else {
        return;
    };
    let shown = &kept.shown[place];
    let id = |text: &str| -> Arc<str> { text.into() };
    let asker = id(&kept.asker);
    let choice = Choice {
        project: kept.project.as_deref().map(id),
        chosen: id(taken),
        passed_over: kept.shown[..place].iter().map(|one| id(&one.id)).collect(),
        rating: reported.word.as_ref().and_then(|word| word.rating),
    };
    learner.choose(&asker, &choice);
    if let Some((value, strength)) = reported.reward {
        let ended = Ended {
            asker,
            agent: id(taken),
            day: settled.reported_ms.unwrap_or(kept.at_ms) / DAY_MS,
            terms: kept.terms.clone(),
            base: shown.base,
            surprise: shown.surprise,
            reward: Reward { value, strength },
        };
        // What is no score, in a file that was edited, teaches nothing.
        let _ = learner.record(&ended);
    }
}
