//! The executions of a session as a tree: each below the turn that launched it.

use std::collections::HashMap;

use agentpulse_core::kind::Kind;
use agentpulse_core::turns::turn_of;

/// What places an execution.
pub struct Place<'a> {
    pub id: &'a str,
    pub kind: Kind,
    /// The agent that launched it; `None` for the main thread.
    pub parent: Option<&'a str>,
    pub depth: Option<u64>,
    /// Its start, else its end.
    pub at_ms: i64,
}

/// The indexes of the executions in the order of the tree, each with its level: parents before
/// their children, those of one parent by their start. A parent is the last turn of the launching
/// agent that began before; where that is not known, of the main thread.
pub fn tree(places: &[Place]) -> Vec<(usize, usize)> {
    let mut order: Vec<usize> = (0..places.len()).collect();
    // A parent stands before a child that started in the same millisecond.
    order.sort_by_key(|&index| {
        let Place {
            id,
            kind,
            depth,
            at_ms,
            ..
        } = places[index];
        (at_ms, kind != Kind::Main, depth.unwrap_or(u64::MAX), id)
    });
    let mut latest: HashMap<&str, usize> = HashMap::new();
    let mut turn = None;
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); places.len()];
    let mut roots = Vec::new();
    for index in order {
        let place = &places[index];
        let launcher = place.parent.and_then(|parent| latest.get(parent).copied());
        let is_turn = place.kind == Kind::Main;
        match launcher.or(turn).filter(|_| !is_turn) {
            Some(parent) => children[parent].push(index),
            None => roots.push(index),
        }
        latest.insert(turn_of(place.id).0, index);
        latest.insert(place.id, index);
        if is_turn {
            turn = Some(index);
        }
    }
    let mut ordered = Vec::with_capacity(places.len());
    let mut next: Vec<(usize, usize)> = roots.into_iter().rev().map(|root| (root, 0)).collect();
    while let Some((index, level)) = next.pop() {
        ordered.push((index, level));
        let below = children[index].iter().rev();
        next.extend(below.map(|&child| (child, level + 1)));
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(id: &'static str, parent: Option<&'static str>, at_ms: i64) -> Place<'static> {
        Place {
            id,
            kind: match id.starts_with("main-") {
                true => Kind::Main,
                false => Kind::Agent,
            },
            parent,
            depth: None,
            at_ms,
        }
    }

    fn shown(places: &[Place]) -> String {
        let line =
            |(index, level): (usize, usize)| format!("{}{}", "-".repeat(level), places[index].id);
        tree(places)
            .into_iter()
            .map(line)
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn each_stands_below_the_turn_that_launched_it() {
        let places = [
            place("b", Some("a"), 25),
            place("late", Some("a"), 65),
            place("main-2", None, 50),
            place("a#2", None, 60),
            place("c", None, 30),
            place("a", None, 20),
            place("main-1", None, 10),
        ];
        assert_eq!(shown(&places), "main-1 -a --b -c main-2 -a#2 --late");
    }

    #[test]
    fn who_is_not_known_launches_nobody() {
        let places = [
            place("early", None, 1),
            place("x", Some("gone"), 20),
            place("main-1", None, 10),
            place("itself", Some("itself"), 30),
            place("y", Some("z"), 40),
            place("z", Some("y"), 40),
        ];
        assert_eq!(shown(&places), "early main-1 -x -itself -y --z");
    }
}
