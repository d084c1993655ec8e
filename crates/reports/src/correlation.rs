//! Tools that executions use together more often than by chance.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use agentpulse_core::sum::add;
use agentpulse_core::view::ToolPair;

/// Pairs that are shown.
const PAIRS: usize = 5;
/// Executions that must have used both tools, so that a pair says something.
const MIN_PAIRED: i64 = 3;

/// A pair with the number of executions that used both of it, the first and the second.
struct Pair<'a> {
    names: (&'a str, &'a str),
    both: i64,
    first: i64,
    second: i64,
}

impl Pair<'_> {
    /// Compares the lifts, both / N · N / first · N / second, without the common N and without
    /// rounding.
    fn cmp_lift(&self, other: &Pair) -> Ordering {
        let cross = |a: &Pair, b: &Pair| {
            let product = i128::from(a.both).checked_mul(i128::from(b.first));
            product.and_then(|product| product.checked_mul(i128::from(b.second)))
        };
        cross(self, other)
            .unwrap_or(i128::MAX)
            .cmp(&cross(other, self).unwrap_or(i128::MAX))
    }
}

/// The pairs with the largest lift, by name if two have the same. `executions` are those of each
/// tool.
pub fn correlated(rows: &[ToolPair], executions: &BTreeMap<&str, i64>) -> Vec<[String; 2]> {
    let mut both: BTreeMap<(&str, &str), i64> = BTreeMap::new();
    for row in rows {
        let both = both.entry((&*row.first, &*row.second)).or_default();
        add(both, row.executions);
    }
    let mut pairs: Vec<Pair> = both
        .into_iter()
        .filter(|&(_, both)| both >= MIN_PAIRED)
        .filter_map(|(names, both)| {
            Some(Pair {
                names,
                both,
                first: *executions.get(names.0)?,
                second: *executions.get(names.1)?,
            })
        })
        .collect();
    pairs.sort_by(|a, b| b.cmp_lift(a).then(a.names.cmp(&b.names)));
    let names = pairs.into_iter().map(|pair| pair.names);
    let names = names.map(|(first, second)| [first.to_owned(), second.to_owned()]);
    names.take(PAIRS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use agentpulse_core::bucket::Day;

    fn pair(first: &str, second: &str, executions: i64) -> ToolPair {
        ToolPair {
            day: Day(1),
            first: first.to_owned(),
            second: second.to_owned(),
            executions,
        }
    }

    #[test]
    fn pairs_are_ranked_by_lift_and_equals_by_name() {
        let executions = [
            ("A", 100),
            ("B", 100),
            ("C", 5),
            ("D", 4),
            ("E", 10),
            ("F", 8),
        ];
        let pairs = [
            pair("A", "B", 90), // 90 / 10,000 = 0.009
            pair("A", "C", 5),  // 5 / 500 = 0.01
            pair("A", "D", 4),  // 4 / 400 = 0.01
            pair("A", "E", 9),  // 9 / 1,000 = 0.009
            pair("C", "D", 3),  // 3 / 20 = 0.15
            pair("D", "E", 2),  // too few
            pair("E", "F", 4),  // 4 / 80 = 0.05
            pair("A", "X", 4),  // of no known tool
        ];
        let expect = [["C", "D"], ["E", "F"], ["A", "C"], ["A", "D"], ["A", "B"]];
        assert_eq!(correlated(&pairs, &executions.into()), expect);
    }
}
