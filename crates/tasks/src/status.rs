//! Where a task stands.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "TaskStatus")]
pub enum Status {
    /// It waits for a worker.
    Pending,
    /// A worker holds it.
    Running,
    Completed,
    /// It was tried as often as it may be: the list of these is that of the dead letters.
    Failed,
    /// It waits for another task, or for an answer.
    Blocked,
    Cancelled,
}

impl Status {
    pub const CHOICES: [(&str, Status); 6] = [
        ("pending", Status::Pending),
        ("running", Status::Running),
        ("completed", Status::Completed),
        ("failed", Status::Failed),
        ("blocked", Status::Blocked),
        ("cancelled", Status::Cancelled),
    ];

    pub fn word(self) -> &'static str {
        let choice = Status::CHOICES.iter().find(|(_, status)| *status == self);
        choice.map_or("", |(word, _)| word)
    }

    pub fn of(word: &str) -> Option<Status> {
        let choice = Status::CHOICES.iter().find(|(known, _)| *known == word);
        choice.map(|(_, status)| *status)
    }

    /// Nothing follows but that a person has it tried again.
    pub fn is_ended(self) -> bool {
        matches!(self, Status::Completed | Status::Failed | Status::Cancelled)
    }
}

/// What a blocked task waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "TaskBlockedReason")]
pub enum BlockedReason {
    /// Other tasks are to be completed before.
    Dependency,
    /// One of those has failed or was cancelled.
    DependencyFailed,
    /// Its worker has asked something.
    Question,
}

impl BlockedReason {
    pub const CHOICES: [(&str, BlockedReason); 3] = [
        ("dependency", BlockedReason::Dependency),
        ("dependency_failed", BlockedReason::DependencyFailed),
        ("question", BlockedReason::Question),
    ];

    pub fn word(self) -> &'static str {
        let all = BlockedReason::CHOICES;
        let choice = all.iter().find(|(_, reason)| *reason == self);
        choice.map_or("", |(word, _)| word)
    }

    pub fn of(word: &str) -> Option<BlockedReason> {
        let all = BlockedReason::CHOICES;
        let choice = all.iter().find(|(known, _)| *known == word);
        choice.map(|(_, reason)| *reason)
    }
}
