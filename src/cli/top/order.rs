//! Which rows are shown, and in which order: what an agent launched stands below it.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use super::snapshot::Running;

/// Deeper rows are shown as if they were no deeper.
const MAX_DEPTH: usize = 8;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// The longest first.
    #[default]
    Elapsed,
    Name,
    Type,
    Tool,
    /// The furthest first.
    Progress,
    /// The most first.
    Tokens,
    /// What will be taken for hung first.
    Deadline,
}

impl Sort {
    pub fn next(self) -> Sort {
        match self {
            Sort::Elapsed => Sort::Name,
            Sort::Name => Sort::Type,
            Sort::Type => Sort::Tool,
            Sort::Tool => Sort::Progress,
            Sort::Progress => Sort::Tokens,
            Sort::Tokens => Sort::Deadline,
            Sort::Deadline => Sort::Elapsed,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Sort::Elapsed => "elapsed",
            Sort::Name => "name",
            Sort::Type => "type",
            Sort::Tool => "tool",
            Sort::Progress => "progress",
            Sort::Tokens => "tokens",
            Sort::Deadline => "deadline",
        }
    }

    fn compare(self, a: &Running, b: &Running) -> Ordering {
        let by_key = match self {
            Sort::Elapsed => Ordering::Equal,
            Sort::Name => a.name.cmp(&b.name),
            Sort::Type => a.agent_type.cmp(&b.agent_type),
            Sort::Tool => known_first(&a.tool, &b.tool, Ord::cmp),
            Sort::Progress => known_first(&a.progress, &b.progress, |a, b| b.total_cmp(a)),
            Sort::Tokens => known_first(&a.tokens, &b.tokens, |a, b| b.cmp(a)),
            Sort::Deadline => known_first(&a.deadline_ms, &b.deadline_ms, Ord::cmp),
        };
        by_key.then_with(|| (a.started_ms, &a.id).cmp(&(b.started_ms, &b.id)))
    }
}

fn known_first<T>(a: &Option<T>, b: &Option<T>, compare: fn(&T, &T) -> Ordering) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => compare(a, b),
        (a, b) => b.is_some().cmp(&a.is_some()),
    }
}

/// A row and how far below its parents it stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row<'a> {
    pub running: &'a Running,
    pub depth: usize,
}

/// `filter` is what the name, the type, the tool, the task or the id contain, whatever the case.
pub fn rows<'a>(all: &'a [Running], filter: &str, sort: Sort, reversed: bool) -> Vec<Row<'a>> {
    let filter = filter.to_lowercase();
    let mut shown: Vec<&Running> = all.iter().filter(|one| matches(one, &filter)).collect();
    shown.sort_by(|a, b| match reversed {
        false => sort.compare(a, b),
        true => sort.compare(b, a),
    });
    let ids: HashSet<&str> = shown.iter().map(|one| one.id.as_str()).collect();
    let parent = |one: &Running| {
        let parent = one.parent_id.as_deref();
        parent.filter(|id| ids.contains(id)).map(str::to_owned)
    };
    let mut children: HashMap<Option<String>, Vec<&Running>> = HashMap::new();
    for one in &shown {
        children.entry(parent(one)).or_default().push(one);
    }
    let mut rows = Vec::with_capacity(shown.len());
    // Those to come, the next one last.
    let mut open: Vec<Row> = Vec::new();
    let below = |open: &mut Vec<Row<'a>>, found: Option<Vec<&'a Running>>, depth: usize| {
        let rows = found.into_iter().flatten().rev();
        open.extend(rows.map(|running| Row { running, depth }));
    };
    below(&mut open, children.remove(&None), 0);
    loop {
        let Some(row) = open.pop() else {
            // Who are each other's parents have no beginning: one of them is taken for it.
            let Some(id) = children.keys().flatten().min().cloned() else {
                return rows;
            };
            below(&mut open, children.remove(&Some(id)), 0);
            continue;
        };
        rows.push(row);
        let found = children.remove(&Some(row.running.id.clone()));
        below(&mut open, found, (row.depth + 1).min(MAX_DEPTH));
    }
}

fn matches(running: &Running, filter: &str) -> bool {
    let texts = [
        Some(&running.name),
        Some(&running.agent_type),
        Some(&running.id),
    ];
    let more = [running.tool.as_ref(), running.task.as_ref()];
    let mut texts = texts.into_iter().chain(more).flatten();
    texts.any(|text| text.to_lowercase().contains(filter))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(id: &str, started_ms: i64, parent: Option<&str>) -> Running {
        Running {
            id: id.to_owned(),
            name: format!("agent {id}"),
            started_ms,
            parent_id: parent.map(str::to_owned),
            ..Running::default()
        }
    }

    fn shown(all: &[Running], filter: &str, sort: Sort, reversed: bool) -> Vec<String> {
        let rows = rows(all, filter, sort, reversed);
        let shown = rows
            .iter()
            .map(|row| format!("{}{}", ".".repeat(row.depth), row.running.id));
        shown.collect()
    }

    #[test]
    fn launched_agents_stand_below_their_parent() {
        let all = [
            one("c", 3, Some("a")),
            one("d", 4, Some("c")),
            one("b", 2, None),
            one("a", 1, None),
            one("e", 2, Some("a")),
            one("f", 5, Some("gone")),
        ];
        let by = |reversed| shown(&all, "", Sort::Elapsed, reversed);
        assert_eq!(by(false), ["a", ".e", ".c", "..d", "b", "f"]);
        assert_eq!(by(true), ["f", "b", "a", ".c", "..d", ".e"]);
        assert_eq!(shown(&all, "AGENT D", Sort::Elapsed, false), ["d"]);
        assert!(shown(&all, "nothing", Sort::Elapsed, false).is_empty());
    }

    #[test]
    fn parents_in_a_circle_are_shown_once() {
        let all = [
            one("a", 1, Some("b")),
            one("b", 2, Some("a")),
            one("c", 3, Some("c")),
        ];
        let mut shown = shown(&all, "", Sort::Elapsed, false);
        shown.sort();
        assert_eq!(shown.len(), 3);
        for id in ["a", "b", "c"] {
            assert!(shown.iter().any(|row| row.ends_with(id)), "{shown:?}");
        }
    }

    #[test]
    fn depth_has_an_end() {
        let id = |at: i64| format!("x{at:02}");
        let chain: Vec<Running> = (0..20)
            .map(|at| one(&id(at), at, Some(&id(at - 1))))
            .collect();
        let rows = rows(&chain, "", Sort::Elapsed, false);
        assert_eq!(rows.len(), 20);
        assert_eq!(rows[19].depth, MAX_DEPTH);
    }

    #[test]
    fn the_unknown_comes_last() {
        let known = |id: &str, tool: &str, progress: f64, deadline_ms: i64| Running {
            tokens: Some((progress * 10.0) as i64),
            tool: Some(tool.to_owned()),
            progress: Some(progress),
            deadline_ms: Some(deadline_ms),
            ..one(id, 5, None)
        };
        let all = [
            one("u", 1, None),
            known("a", "Write", 0.1, 9),
            known("b", "Bash", 0.9, 8),
        ];
        let by = |sort| shown(&all, "", sort, false).concat();
        let sorts = [
            Sort::Elapsed,
            Sort::Name,
            Sort::Tool,
            Sort::Progress,
            Sort::Tokens,
            Sort::Deadline,
        ];
        assert_eq!(sorts.map(by), ["uab", "abu", "bau", "bau", "bau", "bau"]);
    }
}
