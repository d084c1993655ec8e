//! Which executions an answer is of.

use super::execution::Execution;
use super::kind::Kind;
use super::view::Active;

/// What is not given does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Only {
    pub kind: Option<Kind>,
    pub project: Option<String>,
    pub branch: Option<String>,
    pub host: Option<String>,
}

impl Only {
    pub fn is_all(&self) -> bool {
        *self == Only::default()
    }

    pub fn takes(&self, one: &Execution) -> bool {
        self.is_of(one.kind(), [one.project(), one.branch(), one.host()])
    }

    pub fn takes_active(&self, one: &Active) -> bool {
        let names = [&one.project, &one.branch, &one.host];
        self.is_of(one.kind, names.map(Option::as_deref))
    }

    fn is_of(&self, kind: Kind, names: [Option<&str>; 3]) -> bool {
        let wanted = [&self.project, &self.branch, &self.host];
        let mut pairs = wanted.into_iter().zip(names);
        self.kind.is_none_or(|wanted| wanted == kind)
            && pairs.all(|(wanted, name)| wanted.is_none() || wanted.as_deref() == name)
    }
}
