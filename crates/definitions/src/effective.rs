//! Which of several definitions of one name the client takes.

use std::collections::HashMap;

/// A member of a list of trees: the number of its tree, and its number in it.
pub type Index = (usize, usize);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Effective,
    /// One of a tree before it is taken.
    Shadowed(Index),
    /// Its tree has the name twice, and which one is taken depends on the file system.
    Twin(Index),
}

/// The standing of each name of each tree. The tree whose names win comes first.
pub fn standings(trees: &[Vec<&str>]) -> Vec<Vec<Standing>> {
    let mut winners: HashMap<&str, Index> = HashMap::new();
    let mut standings = Vec::new();
    for (tree, names) in trees.iter().enumerate() {
        let mut of_tree: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, name) in names.iter().enumerate() {
            of_tree.entry(name).or_default().push(index);
        }
        let standing = |(index, name): (usize, &&str)| match (winners.get(name), &of_tree[name][..])
        {
            (Some(winner), _) => Standing::Shadowed(*winner),
            (None, [_]) => Standing::Effective,
            (None, twins) => {
                let other = twins.iter().find(|twin| **twin != index).unwrap_or(&index);
                Standing::Twin((tree, *other))
            }
        };
        standings.push(names.iter().enumerate().map(standing).collect());
        for (name, indexes) in of_tree {
            winners.entry(name).or_insert((tree, indexes[0]));
        }
    }
    standings
}

#[cfg(test)]
mod tests {
    use super::Standing::{Effective, Shadowed, Twin};
    use super::*;

    #[test]
    fn the_first_tree_that_has_a_name_has_the_agent() {
        for (trees, expected) in [
            (vec![vec!["a"]], vec![vec![Effective]]),
            (
                vec![vec!["a", "b"], vec!["b", "c"]],
                vec![
                    vec![Effective, Effective],
                    vec![Shadowed((0, 1)), Effective],
                ],
            ),
            (
                vec![vec!["a"], vec!["a"], vec!["a"]],
                vec![
                    vec![Effective],
                    vec![Shadowed((0, 0))],
                    vec![Shadowed((0, 0))],
                ],
            ),
            (
                vec![vec!["a", "b", "a"], vec!["a"]],
                vec![
                    vec![Twin((0, 2)), Effective, Twin((0, 0))],
                    vec![Shadowed((0, 0))],
                ],
            ),
            // Of twins that are shadowed anyway none is taken.
            (
                vec![vec!["a"], vec!["a", "a"]],
                vec![vec![Effective], vec![Shadowed((0, 0)), Shadowed((0, 0))]],
            ),
            (vec![vec![], vec!["a"]], vec![vec![], vec![Effective]]),
            (vec![vec!["a", "A"]], vec![vec![Effective, Effective]]),
        ] {
            assert_eq!(standings(&trees), expected, "{trees:?}");
        }
    }
}
