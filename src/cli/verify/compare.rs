//! What was counted beside what the client says.

use std::collections::{BTreeMap, BTreeSet};

use super::counted::Counted;
use agentpulse_core::price::normalised;
use agentpulse_reports::client::ROUNDED;
use agentpulse_sources::claude_code::transcript::{ClientTotals, ClientUsage};

pub type ByModel = BTreeMap<String, ClientUsage>;

/// Sessions whose totals go on from each other, or share an execution: they can only be compared
/// together.
#[derive(Debug, PartialEq)]
pub struct Compared {
    pub sessions: BTreeSet<String>,
    pub client: ByModel,
    pub counted: ByModel,
    pub client_cost: f64,
    pub counted_cost: f64,
    pub verdict: Verdict,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Equal,
    /// They differ, and this is why.
    Explained(&'static str),
    Unexplained,
}

impl Verdict {
    pub fn is_unexplained(&self) -> bool {
        *self == Verdict::Unexplained
    }
}

/// Compares every session of which the client gave its totals.
pub fn compare(totals: &[ClientTotals], counted: &BTreeMap<String, Counted>) -> Vec<Compared> {
    let groups = groups(totals, counted);
    groups
        .into_iter()
        .map(|sessions| compared(sessions, totals, counted))
        .collect()
}

fn compared(
    sessions: BTreeSet<String>,
    totals: &[ClientTotals],
    counted: &BTreeMap<String, Counted>,
) -> Compared {
    let of_group = totals
        .iter()
        .filter(|one| sessions.contains(&one.session_id));
    // Totals that go on from each other contain each other: the last are all.
    let mut last: BTreeMap<i64, &ClientTotals> = BTreeMap::new();
    for one in of_group.clone() {
        let known = last.entry(one.began_ms).or_insert(one);
        if one.cost > known.cost {
            *known = one;
        }
    }
    let (mut client, mut client_cost) = (ByModel::new(), 0.0);
    for one in last.values() {
        client_cost += one.cost;
        for (model, usage) in &one.models {
            add(&mut client, model, *usage);
        }
    }
    let (mut ours, mut counted_cost, mut reason) = (ByModel::new(), 0.0, None);
    for one in sessions.iter().filter_map(|session| counted.get(session)) {
        counted_cost += one.cost;
        reason = reason.or(one.reason);
        for (model, usage) in &one.models {
            add(&mut ours, model, *usage);
        }
    }
    let is_equal = client == ours && (client_cost - counted_cost).abs() <= ROUNDED;
    let known = |is: fn(&ClientTotals) -> bool| of_group.clone().any(is);
    let verdict = match is_equal {
        true => Verdict::Equal,
        false if known(|one| one.goes_on) => Verdict::Explained("the session has gone on since"),
        false if known(|one| one.compactions > 0) => {
            Verdict::Explained("a compaction's own request is in no transcript")
        }
        false => reason.map_or(Verdict::Unexplained, Verdict::Explained),
    };
    Compared {
        sessions,
        client,
        counted: ours,
        client_cost,
        counted_cost,
        verdict,
    }
}

/// Adds what a model was used for; one that was not used is as good as none.
pub(super) fn add(sums: &mut ByModel, model: &str, usage: ClientUsage) {
    if usage == ClientUsage::default() {
        return;
    }
    let sum = sums.entry(normalised(model)).or_default();
    for (sum, more) in [
        (&mut sum.input_tokens, usage.input_tokens),
        (&mut sum.output_tokens, usage.output_tokens),
        (&mut sum.cache_read_tokens, usage.cache_read_tokens),
        (&mut sum.cache_write_tokens, usage.cache_write_tokens),
    ] {
        // A file of somebody else may say anything.
        *sum = sum.saturating_add(more);
    }
}

fn groups(totals: &[ClientTotals], counted: &BTreeMap<String, Counted>) -> Vec<BTreeSet<String>> {
    let mut groups: Vec<BTreeSet<String>> = Vec::new();
    let mut join = |linked: BTreeSet<String>| {
        let (touched, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut groups)
            .into_iter()
            .partition(|group| !group.is_disjoint(&linked));
        groups = rest;
        groups.push(touched.into_iter().flatten().chain(linked).collect());
    };
    let mut by_beginning: BTreeMap<i64, BTreeSet<String>> = BTreeMap::new();
    for one in totals {
        let linked = by_beginning.entry(one.began_ms).or_default();
        linked.insert(one.session_id.clone());
    }
    by_beginning.into_values().for_each(&mut join);
    let known: BTreeSet<&String> = totals.iter().map(|one| &one.session_id).collect();
    for (session, counted) in counted {
        let linked = counted.later_sessions.iter().chain([session]);
        let linked: BTreeSet<String> = linked.filter(|one| known.contains(one)).cloned().collect();
        if linked.len() > 1 {
            join(linked);
        }
    }
    groups
}
