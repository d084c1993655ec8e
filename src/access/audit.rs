//! The audit trail: who did what, when, from where, and what came of it.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::Serialize;

/// Of refusals, one row a minute an address, a user and a reason.
const ROW_EVERY_MS: i64 = 60_000;
/// Addresses, users and reasons that have rows of their own within a minute; all others share one
/// row a reason. With 30 days' keeping this bounds the table whoever knocks: 16 rows and one for
/// each of six reasons a minute are 950,000 rows.
const MAX_PLACES: usize = 16;
const OTHERS: &str = "other addresses";
/// A reason is told in a line.
const MAX_DETAIL_CHARS: usize = 200;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    KeyCreated,
    KeyRevoked,
    ConfigReloaded,
    Rebuild,
    Backup,
    Restore,
    Prune,
    AccessRefused,
}

impl Action {
    pub fn as_str(self) -> &'static str {
        match self {
            Action::KeyCreated => "key_created",
            Action::KeyRevoked => "key_revoked",
            Action::ConfigReloaded => "config_reloaded",
            Action::Rebuild => "rebuild",
            Action::Backup => "backup",
            Action::Restore => "restore",
            Action::Prune => "prune",
            Action::AccessRefused => "access_refused",
        }
    }
}

/// Who did it, and from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// `uid 1000`, `key 1a2b3c4d (grafana)`, or `-` for who is not known.
    pub who: String,
    /// `control socket`, `command line`, or an address.
    pub origin: String,
}

impl Actor {
    /// Somebody who has a user's rights on this machine.
    pub fn user(uid: u32, origin: &str) -> Actor {
        Actor {
            who: format!("uid {uid}"),
            origin: origin.to_owned(),
        }
    }
}

/// A row to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub at_ms: i64,
    pub action: Action,
    pub actor: Actor,
    /// `done`, `failed`, `refused`.
    pub outcome: &'static str,
    pub detail: Option<String>,
    pub count: u64,
}

impl Entry {
    /// Something that was done once, or that failed for a reason.
    pub fn of(
        action: Action,
        actor: Actor,
        outcome: Result<Option<String>, String>,
        now_ms: i64,
    ) -> Entry {
        let (outcome, detail) = match outcome {
            Ok(detail) => ("done", detail),
            Err(reason) => ("failed", Some(reason)),
        };
        Entry {
            at_ms: now_ms,
            action,
            actor,
            outcome,
            detail: detail.map(|text| one_line(&text)),
            count: 1,
        }
    }
}

fn one_line(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(plain).take(MAX_DETAIL_CHARS).collect()
}

/// A row as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "AuditRow")]
pub struct Row {
    pub seq: i64,
    #[schemars(extend("format" = "date-time"))]
    pub at: String,
    pub action: String,
    pub who: String,
    pub origin: String,
    pub outcome: String,
    pub detail: Option<String>,
    pub count: i64,
}

/// Refusals that are not written yet: whoever knocks a thousand times is one row with a count.
#[derive(Default)]
pub struct Refusals(HashMap<(Place, &'static str), Heap>);

#[derive(Clone, PartialEq, Eq, Hash)]
struct Place {
    who: String,
    origin: String,
}

#[derive(Default)]
struct Heap {
    count: u64,
    written_ms: Option<i64>,
}

impl Heap {
    fn is_due(&self, now_ms: i64) -> bool {
        // A clock that was set back holds nothing up.
        self.written_ms
            .is_none_or(|written| !(written..written + ROW_EVERY_MS).contains(&now_ms))
    }
}

impl Refusals {
    pub fn add(&mut self, actor: Actor, reason: &'static str, count: u64) {
        let place = Place {
            who: actor.who,
            origin: actor.origin,
        };
        let mut key = (place, reason);
        if !self.0.contains_key(&key) && self.0.len() >= MAX_PLACES {
            key.0 = Place {
                who: "-".to_owned(),
                origin: OTHERS.to_owned(),
            };
        }
        self.0.entry(key).or_default().count += count;
    }

    /// The rows that are due; at the end, all that is left.
    pub fn take_due(&mut self, now_ms: i64, is_end: bool) -> Vec<Entry> {
        self.0
            .retain(|_, heap| heap.count > 0 || !heap.is_due(now_ms));
        let due = |heap: &Heap| heap.count > 0 && (is_end || heap.is_due(now_ms));
        let mut rows = Vec::new();
        for ((place, reason), heap) in self.0.iter_mut().filter(|(_, heap)| due(heap)) {
            rows.push(Entry {
                at_ms: now_ms,
                action: Action::AccessRefused,
                actor: Actor {
                    who: place.who.clone(),
                    origin: place.origin.clone(),
                },
                outcome: "refused",
                detail: Some((*reason).to_owned()),
                count: std::mem::take(&mut heap.count),
            });
            heap.written_ms = Some(now_ms);
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actor(origin: &str) -> Actor {
        Actor {
            who: "-".to_owned(),
            origin: origin.to_owned(),
        }
    }

    fn told(refusals: &mut Refusals, now_ms: i64) -> Vec<(String, u64)> {
        let rows = refusals.take_due(now_ms, false);
        let mut rows: Vec<_> = rows
            .into_iter()
            .map(|row| (row.actor.origin, row.count))
            .collect();
        rows.sort();
        rows
    }

    #[test]
    fn an_address_has_one_row_a_minute_and_a_reason() {
        let mut refusals = Refusals::default();
        refusals.add(actor("a"), "unauthorized", 1);
        refusals.add(actor("a"), "unauthorized", 2);
        refusals.add(actor("b"), "unauthorized", 1);
        let both = [("a".to_owned(), 3), ("b".to_owned(), 1)];
        assert_eq!(told(&mut refusals, 1_000), both);
        refusals.add(actor("a"), "unauthorized", 5);
        assert_eq!(told(&mut refusals, 60_999), []);
        refusals.add(actor("a"), "forbidden", 1);
        assert_eq!(told(&mut refusals, 60_999), [("a".to_owned(), 1)]);
        refusals.add(actor("a"), "unauthorized", 1);
        assert_eq!(told(&mut refusals, 61_000), [("a".to_owned(), 6)]);
        told(&mut refusals, 121_000);
        assert!(refusals.0.is_empty(), "what is quiet is forgotten");
    }

    #[test]
    fn a_crowd_shares_one_row() {
        let mut refusals = Refusals::default();
        for n in 0..1_000 {
            refusals.add(actor(&format!("{n:04}")), "unauthorized", 1);
        }
        let rows = told(&mut refusals, 0);
        assert_eq!(rows.len(), MAX_PLACES + 1);
        assert_eq!(rows.iter().map(|(_, count)| count).sum::<u64>(), 1_000);
        assert_eq!(rows[MAX_PLACES], (OTHERS.to_owned(), 984));
    }

    #[test]
    fn the_end_leaves_nothing_unwritten_and_a_clock_set_back_holds_nothing_up() {
        let mut refusals = Refusals::default();
        refusals.add(actor("a"), "unauthorized", 1);
        told(&mut refusals, 500_000);
        refusals.add(actor("a"), "unauthorized", 1);
        assert_eq!(told(&mut refusals, 400_000), [("a".to_owned(), 1)]);
        refusals.add(actor("a"), "unauthorized", 1);
        assert_eq!(refusals.take_due(400_001, true).len(), 1);
    }

    #[test]
    fn a_detail_is_one_short_line() {
        let text = format!("a\nb\u{7}{}", "x".repeat(300));
        let entry = Entry::of(Action::Prune, actor("a"), Err(text), 1);
        let detail = entry.detail.unwrap();
        assert!(detail.starts_with("a b x") && detail.chars().count() == 200);
        assert_eq!(entry.outcome, "failed");
    }
}
