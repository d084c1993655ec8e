//! What an asker says of a selection: whom it chose, and how that ended.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use agentpulse_core::bucket::DAY_MS;
use agentpulse_core::error::Rejection;
use agentpulse_core::limits::MAX_NAME_BYTES;
use agentpulse_selection::reward::{Outcome, strongest};
use agentpulse_store::registry::{Reported, Run, Settled, Shown, Word};
use agentpulse_store::sqlite::Error;

use super::Selections;
use super::asker::Asker;
use super::ledger::{Book, Unwritten};
use crate::error::Error as Unanswered;

pub const FEEDBACK: &str = "/api/agents/select/{selection_id}/feedback";
pub const MAX_FEEDBACK_BYTES: usize = 4 << 10;
/// All selections go in one transaction.
const MAX_FORGET: Duration = Duration::from_secs(60);
/// As long as the last word may change.
const OPEN_MS: i64 = 7 * DAY_MS;

#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SelectionFeedback")]
pub struct Feedback {
    /// Who took the task: the name of an agent that was shown, or the id of its definition.
    #[schemars(length(min = 1, max = 256))]
    pub chosen: String,
    /// How it ended; null is not known.
    pub outcome: Option<End>,
    #[schemars(range(min = 1, max = 5))]
    pub rating: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "SelectionEnd")]
pub enum End {
    Success,
    Failure,
    /// The task was given up, which says nothing of the agent.
    Abandoned,
}

/// What stands of a selection now.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SelectionOutcome")]
pub struct Noted {
    pub selection_id: String,
    pub chosen: String,
    /// Of its definition.
    pub agent_id: String,
    pub outcome: Option<End>,
    pub rating: Option<u8>,
    /// 0 to 1: how well it ended; null if nothing says so.
    pub reward: Option<f64>,
    /// 0 to 1: how much that says.
    pub strength: Option<f64>,
}

/// Why it does not stand.
#[derive(Debug, PartialEq)]
pub enum Untaken {
    Wrong(Rejection),
    /// There is none of that id that this asker asked for.
    Unknown,
    Settled,
}

/// Why feedback is not taken.
#[derive(Debug)]
pub enum FeedbackError {
    Untaken(Untaken),
    Failed(Unanswered),
}

impl Selections {
    /// What its asker says of a selection.
    ///
    /// # Errors
    /// It does not stand, or cannot be written now.
    pub async fn feedback(
        &self,
        id: String,
        feedback: Feedback,
        asker: Asker,
    ) -> Result<Noted, FeedbackError> {
        let now_ms = (self.now_ms)();
        let noted = self
            .ledger
            .write(move |book| feedback.note(book, &id, &asker, now_ms))
            .await;
        let noted = match noted {
            Ok(noted) => noted.map_err(FeedbackError::Untaken),
            Err(Unwritten) => {
                let why = "feedback cannot be written now".to_owned();
                Err(FeedbackError::Failed(Unanswered::Unavailable(why)))
            }
        };
        match &noted {
            Ok(_) => self.counters.selection_feedback.add(1),
            Err(_) => self.counters.selection_feedback_refused.add(1),
        }
        noted
    }

    /// Forgets all that was kept and learned, and returns how many selections that were.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn forget(&self) -> Result<usize, Unanswered> {
        let forgotten = self.ledger.write_within(MAX_FORGET, Book::forget).await;
        self.following.clear();
        let why =
            |Unwritten| Unanswered::Unavailable("selections cannot be forgotten now".to_owned());
        forgotten.map_err(why)
    }
}

impl End {
    fn name(self) -> &'static str {
        match self {
            End::Success => "success",
            End::Failure => "failure",
            End::Abandoned => "abandoned",
        }
    }

    fn of_name(name: &str) -> Option<End> {
        let all = [End::Success, End::Failure, End::Abandoned];
        all.into_iter().find(|end| end.name() == name)
    }

    fn outcome(self) -> Option<Outcome> {
        let ended = |is_completed| Outcome::Task {
            is_completed,
            is_retried: false,
        };
        match self {
            End::Success => Some(ended(true)),
            End::Failure => Some(ended(false)),
            End::Abandoned => None,
        }
    }
}

impl Feedback {
    fn check(&self) -> Result<(), Rejection> {
        let bytes = self.chosen.len();
        if !(1..=MAX_NAME_BYTES).contains(&bytes) {
            return Err(Rejection::new(format!(
                "chosen: {bytes} bytes, allowed are 1 to {MAX_NAME_BYTES}"
            )));
        }
        match self.rating {
            Some(rating) if !(1..=5).contains(&rating) => Err(Rejection::new(format!(
                "rating: {rating}, allowed are 1 to 5"
            ))),
            _ => Ok(()),
        }
    }

    /// Blocks for the disk.
    pub(super) fn note(
        &self,
        book: &mut Book,
        id: &str,
        asker: &Asker,
        now_ms: i64,
    ) -> Result<Result<Noted, Untaken>, Error> {
        if let Err(rejection) = self.check() {
            return Ok(Err(Untaken::Wrong(rejection)));
        }
        let found = book.find(id)?;
        let found = found.filter(|found| asker.has_asked(&found.kept.asker));
        let Some(before) = found else {
            return Ok(Err(Untaken::Unknown));
        };
        if now_ms - before.kept.at_ms > OPEN_MS {
            return Ok(Err(Untaken::Settled));
        }
        let chosen = match self.chosen(&before.kept.shown) {
            Ok(chosen) => chosen.clone(),
            Err(rejection) => return Ok(Err(Untaken::Wrong(rejection))),
        };
        let word = Word {
            chosen: chosen.id.clone(),
            outcome: self.outcome.map(|end| end.name().to_owned()),
            rating: self.rating.and_then(|rating| u8::try_from(rating).ok()),
        };
        let reported = reported(Some(word), before.reported.run.clone());
        let noted = noted(&before, &chosen, &reported);
        // The same word again counts no second time.
        if reported != before.reported {
            book.report(&before, reported)?;
        }
        Ok(Ok(noted))
    }

    fn chosen<'a>(&self, shown: &'a [Shown]) -> Result<&'a Shown, Rejection> {
        if let Some(one) = shown.iter().find(|one| one.id == self.chosen) {
            return Ok(one);
        }
        let named: Vec<&Shown> = shown.iter().filter(|one| one.name == self.chosen).collect();
        match named.as_slice() {
            [one] => Ok(one),
            [] => {
                let names: Vec<&str> = shown.iter().map(|one| one.name.as_str()).collect();
                let names = names.join(", ");
                Err(Rejection::new(format!(
                    "chosen: it was not shown; these were: {names}"
                )))
            }
            several => {
                let ids: Vec<&str> = several.iter().map(|one| one.id.as_str()).collect();
                let ids = ids.join(", ");
                Err(Rejection::new(format!(
                    "chosen: several of that name were shown, with the ids {ids}"
                )))
            }
        }
    }
}

/// What a word and an execution say together: an execution of another agent than the chosen one
/// says nothing.
pub(super) fn reported(word: Option<Word>, run: Option<Run>) -> Reported {
    let mut outcomes = Vec::new();
    if let Some(word) = &word {
        outcomes.extend(word.rating.map(Outcome::Rating));
        let end = word.outcome.as_deref().and_then(End::of_name);
        outcomes.extend(end.and_then(End::outcome));
    }
    if let Some(run) = &run
        && word.as_ref().is_none_or(|word| word.chosen == run.agent_id)
    {
        let is_success = run.is_success;
        outcomes.push(Outcome::Execution { is_success });
    }
    let reward = strongest(&outcomes).ok().flatten();
    Reported {
        word,
        run,
        reward: reward.map(|reward| (reward.value, reward.strength)),
    }
}

fn noted(before: &Settled, chosen: &Shown, reported: &Reported) -> Noted {
    let word = reported.word.as_ref();
    Noted {
        selection_id: before.kept.id.clone(),
        chosen: chosen.name.clone(),
        agent_id: chosen.id.clone(),
        outcome: word
            .and_then(|word| word.outcome.as_deref())
            .and_then(End::of_name),
        rating: word.and_then(|word| word.rating),
        reward: reported.reward.map(|(value, _)| value),
        strength: reported.reward.map(|(_, strength)| strength),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agentpulse_store::registry::{Kept, Selections as Store};

    fn word(outcome: Option<End>, rating: Option<u8>) -> Option<Word> {
        Some(Word {
            chosen: "a".to_owned(),
            outcome: outcome.map(|end| end.name().to_owned()),
            rating,
        })
    }

    fn run(agent_id: &str, is_success: bool) -> Option<Run> {
        Some(Run {
            execution_id: "e".to_owned(),
            agent_id: agent_id.to_owned(),
            is_success,
        })
    }

    #[test]
    fn after_seven_days_the_last_word_stands() {
        const AT: i64 = 1_795_169_700_000;
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("registry.db")).unwrap();
        let mut book = Book::of(store);
        let shown = |id: &str| Shown {
            id: id.to_owned(),
            name: "tuner".to_owned(),
            base: 0.5,
            surprise: 0.0,
        };
        let kept = Kept {
            id: "sel_1".to_owned(),
            at_ms: AT,
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
        let mut say = |chosen: &str, now_ms| {
            let feedback = Feedback {
                chosen: chosen.to_owned(),
                outcome: Some(End::Success),
                rating: None,
            };
            let noted = feedback.note(&mut book, "sel_1", &Asker::LOCAL, now_ms);
            noted.unwrap().map(|noted| noted.agent_id)
        };
        let several = "chosen: several of that name were shown, with the ids a, b";
        let wrong = Untaken::Wrong(Rejection::new(several));
        assert_eq!(say("tuner", AT), Err(wrong));
        assert_eq!(say("b", AT + OPEN_MS), Ok("b".to_owned()));
        assert_eq!(say("a", AT + OPEN_MS + 1), Err(Untaken::Settled));
    }

    #[test]
    fn the_strongest_of_what_is_known_counts() {
        let reward = |word, run| reported(word, run).reward;
        let failure = Some(End::Failure);
        assert_eq!(reward(word(failure, Some(4)), None), Some((0.75, 1.0)));
        assert_eq!(
            reward(word(failure, None), run("a", true)),
            Some((0.0, 0.7))
        );
        assert_eq!(reward(word(None, None), run("a", true)), Some((1.0, 0.3)));
        assert_eq!(reward(None, run("a", false)), Some((0.0, 0.3)));
        // Another one ran.
        assert_eq!(reward(word(None, None), run("b", true)), None);
        assert_eq!(reward(word(Some(End::Abandoned), None), None), None);
        assert_eq!(reward(word(None, None), None), None);
    }
}
