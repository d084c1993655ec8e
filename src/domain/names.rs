//! Which names have a place of their own in Redis. Names come from outside, so their number is
//! capped; the rest counts there under [`OTHER`], and by its name in history.

use std::collections::HashSet;

/// The name of all that has no place of its own. What calls itself so has none either: it would be
/// counted with the rest, and then once more by itself.
pub const OTHER: &str = "_other";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NameKind {
    Agent,
    Type,
    Tool,
}

impl NameKind {
    pub const ALL: [NameKind; 3] = [NameKind::Agent, NameKind::Type, NameKind::Tool];

    pub fn as_str(self) -> &'static str {
        match self {
            NameKind::Agent => "agent",
            NameKind::Type => "type",
            NameKind::Tool => "tool",
        }
    }
}

/// The caps, in the order of [`NameKind::ALL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameLimits {
    pub agents: usize,
    pub types: usize,
    pub tools: usize,
}

#[derive(Clone, Debug)]
pub struct Names {
    limits: NameLimits,
    admitted: [HashSet<String>; 3],
}

impl Names {
    pub fn new(limits: NameLimits) -> Names {
        Names {
            limits,
            admitted: Default::default(),
        }
    }

    /// Gives the name a place while there is one; says whether it is new there. Once admitted it
    /// stays, so that a rebuild puts every count where it was.
    pub fn admit(&mut self, kind: NameKind, name: &str) -> bool {
        let limit = match kind {
            NameKind::Agent => self.limits.agents,
            NameKind::Type => self.limits.types,
            NameKind::Tool => self.limits.tools,
        };
        let admitted = &mut self.admitted[kind as usize];
        if name == OTHER || admitted.len() >= limit || admitted.contains(name) {
            return false;
        }
        admitted.insert(name.to_owned())
    }

    /// Takes an admission back that could not be written down.
    pub fn forget(&mut self, kind: NameKind, name: &str) {
        self.admitted[kind as usize].remove(name);
    }

    /// Takes in what was admitted before, even if the cap is lower now.
    pub fn restore(&mut self, kind: NameKind, name: String) {
        if name != OTHER {
            self.admitted[kind as usize].insert(name);
        }
    }

    pub fn is_admitted(&self, kind: NameKind, name: &str) -> bool {
        self.admitted[kind as usize].contains(name)
    }

    /// The name under which Redis counts it.
    pub fn place<'a>(&self, kind: NameKind, name: &'a str) -> &'a str {
        if self.is_admitted(kind, name) {
            name
        } else {
            OTHER
        }
    }

    pub fn admitted(&self, kind: NameKind) -> impl Iterator<Item = &str> {
        self.admitted[kind as usize].iter().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_names_keep_their_places() {
        let mut names = Names::new(NameLimits {
            agents: 2,
            types: 1,
            tools: 1,
        });
        assert!(!names.admit(NameKind::Agent, OTHER));
        names.restore(NameKind::Agent, OTHER.to_owned());
        assert!(!names.is_admitted(NameKind::Agent, OTHER));
        assert!(names.admit(NameKind::Agent, "a"));
        assert!(!names.admit(NameKind::Agent, "a"));
        assert!(names.admit(NameKind::Agent, "b"));
        assert!(!names.admit(NameKind::Agent, "c"));
        assert_eq!(names.place(NameKind::Agent, "b"), "b");
        assert_eq!(names.place(NameKind::Agent, "c"), OTHER);
        assert_eq!(names.place(NameKind::Tool, "b"), OTHER);
    }
}
