//! What an asker chose of what it was shown, and how it rated that.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::candidate::Preference;

/// Of one asker; the oldest goes.
const MAX_CHOICES: usize = 2_000;

/// One of the agents that were shown took the task.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    pub project: Option<Arc<str>>,
    pub chosen: Arc<str>,
    /// Those that were shown above it. One below it was not passed over.
    pub passed_over: Vec<Arc<str>>,
    /// 1 to 5.
    pub rating: Option<u8>,
}

type ByAgent = HashMap<Arc<str>, Preference>;

#[derive(Debug, Clone, Default)]
pub(super) struct Choices {
    kept: VecDeque<Choice>,
    by_project: HashMap<Option<Arc<str>>, ByAgent>,
}

impl Choices {
    pub(super) fn add(&mut self, choice: &Choice) {
        if self.kept.len() == MAX_CHOICES {
            self.drop_oldest();
        }
        let agents = self.by_project.entry(choice.project.clone()).or_default();
        each(agents, choice, |count, more| *count += more);
        self.kept.push_back(choice.clone());
    }

    pub(super) fn of(&self, project: Option<&str>) -> impl Iterator<Item = (&str, Preference)> {
        let agents = self.by_project.get(&project.map(Arc::from));
        let said = agents.into_iter().flatten();
        said.map(|(agent, preference)| (&**agent, *preference))
    }

    fn drop_oldest(&mut self) {
        let Some(choice) = self.kept.pop_front() else {
            return;
        };
        let Some(agents) = self.by_project.get_mut(&choice.project) else {
            return;
        };
        each(agents, &choice, |count, less| *count -= less);
        agents.retain(|_, said| said.shown > 0);
        if agents.is_empty() {
            self.by_project.remove(&choice.project);
        }
    }
}

/// What a choice adds to each of its agents.
fn each(agents: &mut ByAgent, choice: &Choice, apply: impl Fn(&mut u32, u32)) {
    for agent in &choice.passed_over {
        apply(&mut agents.entry(agent.clone()).or_default().shown, 1);
    }
    let chosen = agents.entry(choice.chosen.clone()).or_default();
    apply(&mut chosen.shown, 1);
    apply(&mut chosen.chosen, 1);
    if let Some(stars) = choice.rating {
        apply(&mut chosen.ratings, 1);
        apply(&mut chosen.stars, u32::from(stars));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(project: &str, chosen: &str, passed_over: &[&str], rating: Option<u8>) -> Choice {
        Choice {
            project: Some(project.into()),
            chosen: chosen.into(),
            passed_over: passed_over.iter().map(|name| (*name).into()).collect(),
            rating,
        }
    }

    fn preference(choices: &Choices, project: Option<&str>, agent: &str) -> Preference {
        let said = choices.of(project).find(|(id, _)| *id == agent);
        said.map_or_else(Preference::default, |(_, preference)| preference)
    }

    #[test]
    fn one_that_was_passed_over_was_shown_and_not_chosen() {
        let mut choices = Choices::default();
        choices.add(&choice("shop", "b", &["a"], Some(4)));
        choices.add(&choice("shop", "a", &[], None));
        let of = |project, agent| {
            let said = preference(&choices, Some(project), agent);
            (said.shown, said.chosen, said.ratings, said.stars)
        };
        assert_eq!(of("shop", "a"), (2, 1, 0, 0));
        assert_eq!(of("shop", "b"), (1, 1, 1, 4));
        assert_eq!(of("site", "b"), (0, 0, 0, 0));
        assert_eq!(preference(&choices, None, "b"), Preference::default());
    }

    #[test]
    fn the_oldest_choice_goes_with_all_that_it_said() {
        let mut choices = Choices::default();
        choices.add(&choice("shop", "b", &["a"], Some(4)));
        for _ in 0..MAX_CHOICES {
            choices.add(&choice("site", "a", &[], Some(1)));
        }
        assert_eq!(
            preference(&choices, Some("shop"), "b"),
            Preference::default()
        );
        assert_eq!(choices.by_project.len(), 1);
        let said = preference(&choices, Some("site"), "a");
        let most = MAX_CHOICES as u32;
        assert_eq!((said.shown, said.ratings, said.stars), (most, most, most));
    }
}
