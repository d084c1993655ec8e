use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::samples::stopped;
use agentpulse_core::execution::Status;

const AT: i64 = 1_795_169_700_000;

fn recorded(agent_id: &str, version: &str, from: i64, until: Option<i64>) -> registry::Version {
    registry::Version {
        agent_id: agent_id.to_owned(),
        from_ms: AT + from,
        until_ms: until.map(|until| AT + until),
        version: version.to_owned(),
        config: "{}".to_owned(),
    }
}

fn order(projects: &[(&str, &[&str])]) -> Order {
    let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
    let projects = projects
        .iter()
        .map(|(name, of)| ((*name).to_owned(), ids(of)));
    Order {
        projects: projects.collect(),
        library: ["library", "twin"].map(str::to_owned).into(),
    }
}

fn execution(project: Option<&str>, started: i64, status: Status) -> Execution {
    let mut execution = stopped(&started.to_string(), AT + started + 1_000, Some(1_000));
    let stop = execution.stop.as_mut().map(Arc::make_mut).unwrap();
    stop.started_ms = Some(AT + started);
    stop.status = status;
    stop.origin.project = project.map(str::to_owned);
    execution
}

/// Executions, successes of each version, the newest first.
fn counted(counts: Counts) -> Vec<(String, i64, i64)> {
    let versions = counts.versions().versions.into_iter();
    let rate = |one: &Version| one.success_rate.unwrap_or(0.0) * one.executions as f64;
    versions
        .map(|one| {
            (
                one.version.clone(),
                one.executions,
                rate(&one).round() as i64,
            )
        })
        .collect()
}

#[test]
fn an_execution_counts_for_the_version_that_was_in_force_when_it_started() {
    let versions = vec![
        recorded("user", "one", 0, Some(100_000)),
        recorded("user", "two", 100_000, None),
    ];
    let mut counts = Counts::new(order(&[("~/shop", &["shop", "user"])]), "user", versions);
    for (started, status) in [
        // Before it was there.
        (-1, Status::Success),
        (0, Status::Success),
        (94_999, Status::Failure),
        // A client may have the one or the other.
        (95_000, Status::Success),
        (104_999, Status::Success),
        (105_000, Status::Success),
    ] {
        counts.add(&execution(Some("~/shop"), started, status));
    }
    let expected = [("two", 1, 1), ("one", 2, 1)].map(|(name, n, s)| (name.to_owned(), n, s));
    let (unsettled, others) = (counts.unsettled, counts.others);
    assert_eq!(counted(counts), expected);
    assert_eq!((unsettled, others), (2, 1));
}

#[test]
fn of_several_definitions_the_one_counts_that_the_project_takes() {
    let versions = || {
        vec![
            recorded("user", "u", 0, None),
            recorded("shop", "s", 0, Some(50_000)),
            recorded("blog", "b", 60_000, None),
        ]
    };
    let projects: [(&str, &[&str]); 2] =
        [("~/shop", &["shop", "user"]), ("~/blog", &["blog", "user"])];
    let runs = [
        // The project's own, until it was removed.
        (Some("~/shop"), 10_000),
        (Some("~/shop"), 70_000),
        // The user's, until the project had one.
        (Some("~/blog"), 10_000),
        (Some("~/blog"), 80_000),
        // One that is not known, and none: as long as there are several, it may be any.
        (Some("~/other"), 10_000),
        (None, 55_000),
    ];
    for (id, expected, others) in [("user", 3, 3), ("shop", 1, 5), ("blog", 1, 5)] {
        let mut counts = Counts::new(order(&projects), id, versions());
        for (project, started) in runs {
            counts.add(&execution(project, started, Status::Success));
        }
        assert_eq!((counts.unsettled, counts.others), (0, others), "{id}");
        assert_eq!(counted(counts)[0].1, expected, "{id}");
    }
}

#[test]
fn what_changed_is_named() {
    let definition = |description: &str, model: &str, hash: u64| {
        json!({"description": description, "config": {"model": model, "tools": ["Read"]},
               "body": {"bytes": 10, "tokens": 3, "hash": hash}})
    };
    let before = definition("reviews", "opus", 1);
    assert!(changed(&before, &before).is_empty());
    assert_eq!(
        changed(&before, &definition("reviews", "opus", 2)),
        ["body"]
    );
    let all = definition("writes", "haiku", 2);
    assert_eq!(changed(&before, &all), ["description", "model", "body"]);
}

#[test]
fn one_of_the_library_counts_where_no_other_is_in_force() {
    let versions = vec![
        recorded("library", "ours", 0, None),
        recorded("user", "theirs", 200_000, Some(300_000)),
        recorded("twin", "second", 400_000, None),
    ];
    let projects = [("~/shop", &["user"][..]), ("~/other", &[])];
    let mut counts = Counts::new(order(&projects), "library", versions);
    for (project, started) in [
        (Some("~/shop"), 100_000),
        (None, 101_000),
        (Some("~/shop"), 250_000),
        (Some("~/other"), 250_000),
        (None, 250_000),
        (Some("~/shop"), 350_000),
        // The library has the name twice.
        (None, 450_000),
    ] {
        counts.add(&execution(project, started, Status::Success));
    }
    let others = counts.others;
    assert_eq!(counted(counts), [("ours".to_owned(), 3, 3)]);
    assert_eq!(others, 4);
}
