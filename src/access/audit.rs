//! The audit trail: who did what, when, from where, and what came of it.

use std::cmp::Reverse;
use std::collections::HashMap;

use schemars::JsonSchema;
use serde::Serialize;

/// Of refusals, one row a minute an address, a user and a reason.
const ROW_EVERY_MS: i64 = 60_000;
/// Rows a minute of addresses that showed no key: those that were refused most. All others share
/// one row a reason. With 30 days' keeping this bounds the table whoever knocks: 16 rows and one
/// for each of six reasons a minute are 950,000 rows. Who is known by name has rows of its own.
const MAX_ADDRESSES: usize = 16;
/// Addresses and reasons that are told apart until their rows are written.
const MAX_TRACKED: usize = 256;
/// Rows a minute of one who is known, and a reason, by where it came from; it shares a further one
/// with nobody. Keys are 256 at most, and made by the operator.
const MAX_ORIGINS: usize = 4;
const OTHERS: &str = "other addresses";
const UNKNOWN: &str = "-";
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
    /// Somebody of whom only the address is known.
    pub fn unknown(origin: String) -> Actor {
        Actor {
            who: UNKNOWN.to_owned(),
            origin,
        }
    }

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
pub struct Refusals {
    heaps: HashMap<Place, Heap>,
    /// When the minute began in which so many rows of addresses were written.
    minute: Option<i64>,
    written: usize,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Place {
    who: String,
    origin: String,
    reason: &'static str,
}

impl Place {
    fn is_address(&self) -> bool {
        self.who == UNKNOWN && self.origin != OTHERS
    }

    fn others(&self) -> Place {
        Place {
            origin: OTHERS.to_owned(),
            ..self.clone()
        }
    }
}

#[derive(Default)]
struct Heap {
    count: u64,
    written_ms: Option<i64>,
}

impl Heap {
    fn is_due(&self, now_ms: i64) -> bool {
        self.written_ms
            .is_none_or(|written_ms| is_over(written_ms, now_ms))
    }
}

/// A clock that was set back holds nothing up.
fn is_over(began_ms: i64, now_ms: i64) -> bool {
    !(began_ms..began_ms + ROW_EVERY_MS).contains(&now_ms)
}

impl Refusals {
    pub fn add(&mut self, actor: Actor, reason: &'static str, count: u64) {
        let mut place = Place {
            who: actor.who,
            origin: actor.origin,
            reason,
        };
        if !self.heaps.contains_key(&place) {
            if place.is_address() {
                self.make_room();
            } else if self.origins(&place) >= MAX_ORIGINS {
                place = place.others();
            }
        }
        self.heaps.entry(place).or_default().count += count;
    }

    fn origins(&self, place: &Place) -> usize {
        let same = |other: &&Place| {
            (&other.who, other.reason) == (&place.who, place.reason) && other.origin != OTHERS
        };
        self.heaps.keys().filter(same).count()
    }

    /// The address that was refused the fewest times goes to the others.
    fn make_room(&mut self) {
        let addresses = self.heaps.iter().filter(|(place, _)| place.is_address());
        if addresses.clone().count() < MAX_TRACKED {
            return;
        }
        let fewest = addresses.min_by_key(|(_, heap)| (heap.count, heap.written_ms));
        if let Some(place) = fewest.map(|(place, _)| place.clone()) {
            self.merge(&place);
        }
    }

    fn merge(&mut self, place: &Place) {
        let heap = self.heaps.remove(place).unwrap_or_default();
        if heap.count > 0 {
            self.heaps.entry(place.others()).or_default().count += heap.count;
        }
    }

    /// The rows that are due; at the end, all that is left.
    pub fn take_due(&mut self, now_ms: i64, is_end: bool) -> Vec<Entry> {
        let is_new = self.minute.is_none_or(|began_ms| is_over(began_ms, now_ms));
        if is_new {
            (self.minute, self.written) = (Some(now_ms), 0);
        }
        self.heaps
            .retain(|_, heap| heap.count > 0 || !heap.is_due(now_ms));
        let mut addresses = self.due(now_ms, is_end, true);
        addresses.sort_by_key(|(_, count)| Reverse(*count));
        let room = MAX_ADDRESSES - self.written;
        let beyond = addresses.split_off(room.min(addresses.len()));
        self.written += addresses.len();
        // Within the minute they wait: one of them may come to be among those refused most.
        if is_new || is_end {
            beyond.iter().for_each(|(place, _)| self.merge(place));
        }
        let known = self.due(now_ms, is_end, false);
        let due = addresses.into_iter().chain(known);
        due.map(|(place, _)| self.take(place, now_ms)).collect()
    }

    fn due(&self, now_ms: i64, is_end: bool, addresses: bool) -> Vec<(Place, u64)> {
        let is_due = |(place, heap): &(&Place, &Heap)| {
            place.is_address() == addresses && heap.count > 0 && (is_end || heap.is_due(now_ms))
        };
        let due = self.heaps.iter().filter(is_due);
        due.map(|(place, heap)| (place.clone(), heap.count))
            .collect()
    }

    fn take(&mut self, place: Place, now_ms: i64) -> Entry {
        let heap = self.heaps.entry(place.clone()).or_default();
        heap.written_ms = Some(now_ms);
        Entry {
            at_ms: now_ms,
            action: Action::AccessRefused,
            actor: Actor {
                who: place.who,
                origin: place.origin,
            },
            outcome: "refused",
            detail: Some(place.reason.to_owned()),
            count: std::mem::take(&mut heap.count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actor(origin: &str) -> Actor {
        Actor::unknown(origin.to_owned())
    }

    fn key(name: &str, origin: &str) -> Actor {
        Actor {
            who: format!("key {name}"),
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
        assert!(refusals.heaps.is_empty(), "what is quiet is forgotten");
    }

    #[test]
    fn a_crowd_shares_one_row() {
        let mut refusals = Refusals::default();
        for n in 0..1_000 {
            refusals.add(actor(&format!("{n:04}")), "unauthorized", 1);
        }
        let rows = told(&mut refusals, 0);
        assert_eq!(rows.len(), MAX_ADDRESSES + 1);
        assert_eq!(rows.iter().map(|(_, count)| count).sum::<u64>(), 1_000);
        assert_eq!(rows[MAX_ADDRESSES], (OTHERS.to_owned(), 984));
    }

    #[test]
    fn a_crowd_hides_no_key() {
        let mut refusals = Refusals::default();
        for n in 0..1_000 {
            refusals.add(actor(&format!("{n:04}")), "forbidden", 1);
        }
        for n in 0..10 {
            refusals.add(key("a", &format!("a{n}")), "forbidden", 1);
        }
        refusals.add(key("b", "0001"), "forbidden", 7);
        let rows = refusals.take_due(0, false);
        let of = |who: &str| {
            let rows = rows.iter().filter(|row| row.actor.who == who);
            let mut rows: Vec<_> = rows
                .map(|row| (row.actor.origin.as_str(), row.count))
                .collect();
            rows.sort();
            rows
        };
        let first = [("a0", 1), ("a1", 1), ("a2", 1), ("a3", 1), (OTHERS, 6)];
        assert_eq!(of("key a"), first);
        assert_eq!(of("key b"), [("0001", 7)]);
        assert_eq!(rows.iter().map(|row| row.count).sum::<u64>(), 1_017);
    }

    #[test]
    fn the_most_refused_address_has_its_row_however_many_came_before() {
        let mut refusals = Refusals::default();
        for n in 0..MAX_ADDRESSES {
            refusals.add(actor(&format!("{n:04}")), "unauthorized", 1);
        }
        assert_eq!(told(&mut refusals, 1_000).len(), MAX_ADDRESSES);
        refusals.add(actor("loud"), "unauthorized", 50);
        for n in 0..1_000 {
            refusals.add(actor(&format!("x{n:04}")), "unauthorized", 2);
        }
        // One row of those that were pushed out; nothing more of addresses within the minute.
        assert_eq!(
            told(&mut refusals, 2_000),
            [(OTHERS.to_owned(), 2 * (1_001 - MAX_TRACKED as u64))]
        );
        let next = told(&mut refusals, 62_000);
        assert!(next.contains(&("loud".to_owned(), 50)), "{next:?}");
        assert_eq!(next.len(), MAX_ADDRESSES + 1);
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
