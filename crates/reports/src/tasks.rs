//! The task queue in the metrics for Prometheus.

use std::collections::{BTreeMap, BTreeSet};

use super::exposition::{Kind, Page};
use agentpulse_core::names::OTHER;
use agentpulse_queue::Standing;
use agentpulse_tasks::status::Status;

/// The labels are the roles of the settings; agents are together under `_other`.
pub fn write(page: &mut Page, standing: Option<&Standing>, roles: &BTreeSet<String>, now_ms: i64) {
    page.family(
        "agentpulse_tasks_up",
        Kind::Gauge,
        "1 while the task queue can be read and written.",
    )
    .value(&[], f64::from(u8::from(standing.is_some())));
    let Some(standing) = standing else {
        return;
    };
    let label = |name: &str| roles.get(name).map_or(OTHER, String::as_str).to_owned();
    let all = || roles.iter().map(String::as_str).chain([OTHER]);

    let mut counts: BTreeMap<(String, Status), i64> = BTreeMap::new();
    let mut oldest: BTreeMap<String, i64> = BTreeMap::new();
    for one in &standing.counted {
        *counts
            .entry((label(&one.assigned_to), one.status))
            .or_default() += one.count;
        if one.status == Status::Pending {
            let oldest_ms = oldest
                .entry(label(&one.assigned_to))
                .or_insert(one.oldest_ms);
            *oldest_ms = one.oldest_ms.min(*oldest_ms);
        }
    }
    let mut unread: BTreeMap<String, i64> = BTreeMap::new();
    for (to, count) in &standing.unread {
        *unread.entry(label(to)).or_default() += count;
    }
    let mut tasks = page.family(
        "agentpulse_tasks",
        Kind::Gauge,
        "Tasks that are kept, by their role and status.",
    );
    for role in all() {
        for (word, status) in Status::CHOICES {
            let count = counts.get(&(role.to_owned(), status)).copied().unwrap_or(0);
            tasks.value(&[("role", role), ("status", word)], count as f64);
        }
    }
    let mut ages = page.family(
        "agentpulse_task_oldest_pending_seconds",
        Kind::Gauge,
        "Seconds since the oldest task that waits was made; 0 without one.",
    );
    for role in all() {
        let age_ms = oldest.get(role).map_or(0, |oldest_ms| now_ms - oldest_ms);
        ages.value(&[("role", role)], age_ms.max(0) as f64 / 1e3);
    }
    let mut messages = page.family(
        "agentpulse_messages_unread",
        Kind::Gauge,
        "Messages that are not read, by the role to which they are.",
    );
    for role in all() {
        let count = unread.get(role).copied().unwrap_or(0);
        messages.value(&[("role", role)], count as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agentpulse_store::tasks::Counted;

    #[test]
    fn roles_have_their_series_and_agents_are_together() {
        let counted = |name: &str, count, oldest_ms| Counted {
            assigned_to: name.to_owned(),
            status: Status::Pending,
            count,
            oldest_ms,
        };
        let standing = Standing {
            counted: vec![
                counted("qa", 2, 4_000),
                counted("a", 3, 9_000),
                counted("b", 4, 8_500),
            ],
            unread: vec![("a".to_owned(), 5), ("qa".to_owned(), 1)],
        };
        let roles = BTreeSet::from(["qa".to_owned(), "triage".to_owned()]);
        let mut page = Page::default();
        write(&mut page, Some(&standing), &roles, 10_000);
        let text = page.finish();
        for line in [
            "agentpulse_tasks_up 1",
            "agentpulse_tasks{role=\"qa\",status=\"pending\"} 2",
            "agentpulse_tasks{role=\"triage\",status=\"pending\"} 0",
            "agentpulse_tasks{role=\"_other\",status=\"pending\"} 7",
            "agentpulse_tasks{role=\"_other\",status=\"failed\"} 0",
            "agentpulse_task_oldest_pending_seconds{role=\"qa\"} 6",
            "agentpulse_task_oldest_pending_seconds{role=\"triage\"} 0",
            "agentpulse_task_oldest_pending_seconds{role=\"_other\"} 1.5",
            "agentpulse_messages_unread{role=\"_other\"} 5",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        let mut page = Page::default();
        write(&mut page, None, &roles, 10_000);
        assert!(page.finish().ends_with("agentpulse_tasks_up 0\n"));
    }
}
