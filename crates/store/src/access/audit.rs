//! The audit trail: who did what, when, from where, and with which outcome.

use std::cmp::Reverse;
use std::collections::HashMap;

use schemars::JsonSchema;
use serde::Serialize;

/// Of refusals, one row a minute an address, a user and a reason.
const ROW_EVERY_MS: i64 = 60_000;
/// Rows a minute of addresses without a key: those that were refused most. All others share one row
/// a reason. With 30 days' keeping this bounds the table: 16 rows and one for each of six reasons a
/// minute are 950,000 rows. Known users and keys have rows of their own.
const MAX_ADDRESSES: usize = 16;
/// Addresses and reasons that are counted apart until their rows are written.
const MAX_TRACKED: usize = 256;
/// Rows a minute of one known user or key and one reason, by origin; further origins share one row
/// more. Keys are 256 at most, and created by the operator.
const MAX_ORIGINS: usize = 4;
const OTHERS: &str = "other addresses";
const UNKNOWN: &str = "-";
/// A reason is one line.
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
    SelectionsForgotten,
    DefinitionWritten,
    DefinitionRemoved,
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
            Action::SelectionsForgotten => "selections_forgotten",
            Action::DefinitionWritten => "definition_written",
            Action::DefinitionRemoved => "definition_removed",
            Action::AccessRefused => "access_refused",
        }
    }
}

/// Who did it, and from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// `uid 1000`, `key 1a2b3c4d (grafana)`, or `-` for a client that is not known.
    pub who: String,
    /// `control socket`, `command line`, or an address.
    pub origin: String,
}

impl Actor {
    /// A client of which only the address is known.
    pub fn unknown(origin: String) -> Actor {
        Actor {
            who: UNKNOWN.to_owned(),
            origin,
        }
    }

    /// A user of this machine.
    pub fn user(uid: u32, origin: &str) -> Actor {
        Actor {
            who: format!("uid {uid}"),
            origin: origin.to_owned(),
        }
    }
}

/// A row to be written.
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

/// Refusals that are not written yet: a thousand attempts of one client are one row with a count.
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
    reason: String,
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
    pub fn is_empty(&self) -> bool {
        self.heaps.is_empty()
    }

    pub fn add(&mut self, actor: Actor, reason: &str, count: u64) {
        let mut place = Place {
            who: actor.who,
            origin: actor.origin,
            reason: reason.to_owned(),
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
            (&other.who, &other.reason) == (&place.who, &place.reason) && other.origin != OTHERS
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
        let is_over = self.minute.is_none_or(|began_ms| is_over(began_ms, now_ms));
        // At the end there is no next minute in which those refused most could have their rows.
        let is_new = is_over || is_end;
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
        if is_new {
            beyond.iter().for_each(|(place, _)| self.merge(place));
        }
        let known = self.due(now_ms, is_end, false);
        let due = addresses.into_iter().chain(known);
        due.map(|(place, _)| self.take(place, now_ms)).collect()
    }

    /// Rows that could not be written wait for their next minute.
    pub fn put_back(&mut self, rows: Vec<Entry>) {
        for row in rows {
            self.add(row.actor, &row.detail.unwrap_or_default(), row.count);
        }
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
            detail: Some(place.reason),
            count: std::mem::take(&mut heap.count),
        }
    }
}

#[cfg(test)]
mod tests;
