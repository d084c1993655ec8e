//! One session in which an agent was seen. An agent's id is unique within a session only, so that
//! its name and its launch are of the session, too.

use serde::{Deserialize, Serialize};

use super::signal::Launched;
use crate::kind::Kind;

/// Who names an agent; the least has most right to.
pub(super) const BY_START: u8 = 0;
pub(super) const BY_STOP: u8 = 1;
pub(super) const BY_IMPORT: u8 = 2;

/// One session in which the agent was seen, and the file of its lines there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Session {
    pub(super) id: Option<String>,
    pub(super) transcript: Option<String>,
    /// The file was named, and not guessed from the path of the session.
    pub(super) is_certain: bool,
    /// When it was first seen there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) first_ms: Option<i64>,
    #[serde(skip_serializing_if = "Identity::is_unknown")]
    pub(super) identity: Identity,
}

/// Who the agent is, as far as it was said.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Identity {
    named: Option<Named>,
    launched: Option<FirstLaunch>,
    /// What the file beside the transcript says.
    beside: Launch,
}

/// The agent's name, by the source that knows it best: the first start, else the first stop,
/// else an import.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Named {
    rank: u8,
    at_ms: i64,
    line: u64,
    name: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct FirstLaunch {
    at_ms: i64,
    line: u64,
    #[serde(flatten)]
    launched: Launched,
}

/// What the file beside its transcript says of an agent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Launch {
    /// The agent that launched it; `None` for the main thread.
    pub parent: Option<String>,
    pub model: Option<String>,
    pub description: Option<String>,
    /// 1 below the main thread.
    pub depth: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// What a teammate is, where its name says only who it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_type: Option<String>,
}

/// Who an agent is in a session: what was said there, else what was said of the agent.
#[derive(Clone, Copy, Debug)]
pub struct Who<'a> {
    pub(super) here: Option<&'a Identity>,
    pub(super) shared: &'a Identity,
}

impl<'a> Who<'a> {
    pub fn name(&self) -> Option<&'a str> {
        self.first(|one| Some(one.named.as_ref()?.name.as_str()))
    }

    /// The agent that launched it; nothing below the main thread.
    pub fn parent(&self) -> Option<&'a str> {
        self.first(|one| one.either(|it| it.parent.as_deref(), |it| it.parent.as_deref()))
    }

    /// The model that answered the launch, else the one that was asked for.
    pub fn model(&self) -> Option<&'a str> {
        self.first(|one| one.either(|it| it.model.as_deref(), |it| it.model.as_deref()))
    }

    pub fn kind(&self) -> Option<Kind> {
        self.first(|one| one.either(|it| it.kind, |it| it.kind))
    }

    /// What a teammate is.
    pub fn agent_type(&self) -> Option<&'a str> {
        self.first(|one| one.either(|it| it.agent_type.as_deref(), |it| it.agent_type.as_deref()))
    }

    /// By a call of a tool, which was answered.
    pub fn is_launched(&self) -> bool {
        self.first(|one| one.launched.as_ref()).is_some()
    }

    pub fn description(&self) -> Option<&'a str> {
        self.first(|one| one.beside.description.as_deref())
    }

    /// As far as it is known without looking at the parent.
    pub fn depth(&self) -> Option<u64> {
        let below_main = self.is_launched() && self.parent().is_none();
        let beside = self.first(|one| one.beside.depth);
        beside.or(below_main.then_some(1))
    }

    /// Whether parent and depth are the same.
    pub fn has_place_of(&self, other: &Who) -> bool {
        self.parent() == other.parent() && self.depth() == other.depth()
    }

    fn first<T>(&self, of: impl Fn(&'a Identity) -> Option<T>) -> Option<T> {
        self.here.and_then(&of).or_else(|| of(self.shared))
    }
}

impl Identity {
    pub(super) fn is_unknown(&self) -> bool {
        *self == Identity::default()
    }

    /// Without a name nothing is learned.
    pub(super) fn learn_name(&mut self, rank: u8, name: Option<&str>, at_ms: i64, line: u64) {
        let named = name.map(|name| Named {
            rank,
            at_ms,
            line,
            name: name.to_owned(),
        });
        self.named = self.named.take().into_iter().chain(named).min();
    }

    /// The first launch counts; false for a later one.
    pub(super) fn learn_launch(&mut self, launched: &Launched, at_ms: i64, line: u64) -> bool {
        let known = self.launched.as_ref();
        if known.is_some_and(|known| (known.at_ms, known.line) <= (at_ms, line)) {
            return false;
        }
        self.launched = Some(FirstLaunch {
            at_ms,
            line,
            launched: launched.clone(),
        });
        true
    }

    pub(super) fn describe(&mut self, beside: Launch) -> bool {
        if beside == self.beside || beside == Launch::default() {
            return false;
        }
        self.beside = beside;
        true
    }

    pub(super) fn bytes(&self) -> usize {
        let launched = self.launched.as_ref().map(|first| &first.launched);
        let named = self.named.as_ref();
        let texts = [
            named.map(|named| named.name.as_str()),
            launched.and_then(|launched| launched.parent.as_deref()),
            launched.and_then(|launched| launched.model.as_deref()),
            launched.and_then(|launched| launched.agent_type.as_deref()),
            self.beside.parent.as_deref(),
            self.beside.model.as_deref(),
            self.beside.agent_type.as_deref(),
            self.beside.description.as_deref(),
        ];
        texts.into_iter().flatten().map(str::len).sum()
    }

    /// What the answer to the launch says, else the file.
    fn either<'a, T>(
        &'a self,
        of_launch: impl Fn(&'a Launched) -> Option<T>,
        of_file: impl Fn(&'a Launch) -> Option<T>,
    ) -> Option<T> {
        let launched = self.launched.as_ref().map(|first| &first.launched);
        launched
            .and_then(of_launch)
            .or_else(|| of_file(&self.beside))
    }
}
