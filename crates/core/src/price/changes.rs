//! What a newer table changes.

use std::collections::BTreeSet;

use super::{Prices, Tier};

/// Models by the ids by which they are looked up, in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    pub added: Vec<String>,
    /// Those with other prices.
    pub changed: Vec<String>,
    pub removed: Vec<String>,
}

impl Prices {
    /// From this table to a newer one. A row that only stands at another place is the same.
    pub fn changes(&self, newer: &Prices) -> Changes {
        let mut changes = Changes::default();
        let ids: BTreeSet<&String> = self.by_model.keys().chain(newer.by_model.keys()).collect();
        for id in ids {
            let list = match (self.by_model.get(id), newer.by_model.get(id)) {
                (None, _) => &mut changes.added,
                (_, None) => &mut changes.removed,
                (Some(before), Some(after)) if unplaced(before) != unplaced(after) => {
                    &mut changes.changed
                }
                _ => continue,
            };
            list.push(id.clone());
        }
        changes
    }
}

fn unplaced(tiers: &[Tier]) -> Vec<Tier> {
    let of = |tier: &Tier| Tier {
        row: 0,
        ..tier.clone()
    };
    tiers.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[(&str, f64)]) -> Prices {
        let row = |(model, input): &(&str, f64)| {
            format!(
                "[[price]]\nmodels = [{model:?}]\ninput = {input:?}\noutput = 2.0\n\
                 cache_read = 0.1\ncache_write_5m = 1.25\ncache_write_1h = 2.0\n"
            )
        };
        Prices::parse(&rows.iter().map(row).collect::<String>()).unwrap()
    }

    #[test]
    fn models_are_added_changed_and_removed() {
        let before = table(&[("a", 1.0), ("b", 1.0), ("c", 1.0)]);
        let after = table(&[("d", 1.0), ("c", 1.0), ("b", 1.5)]);
        let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
        let expect = Changes {
            added: ids(&["d"]),
            changed: ids(&["b"]),
            removed: ids(&["a"]),
        };
        assert_eq!(before.changes(&after), expect);
        assert_eq!(before.changes(&before), Changes::default());
    }
}
