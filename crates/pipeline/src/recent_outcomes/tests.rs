use super::*;
use agentpulse_core::execution::{Catalog, Fact, Origin, Start, Stop};

const NOW_MS: i64 = 100 * DAY_MS + 5_000;

fn change(before: Option<&Execution>, after: &Execution) -> Arc<Change> {
    let before = before.map(|before| Arc::new(before.clone()));
    Arc::new(Change::between(before, Arc::new(after.clone()), 1, NOW_MS))
}

fn ended(id: &str, ago_ms: i64, status: Status) -> Execution {
    execution("a", id, ago_ms, status, 100)
}

fn execution(
    agent_name: &str,
    id: &str,
    ago_ms: i64,
    status: Status,
    duration_ms: u64,
) -> Execution {
    let mut execution = Execution::new(id.to_owned());
    let stop = Stop {
        agent_name: Some(agent_name.to_owned()),
        agent_type: None,
        started_ms: None,
        ended_ms: NOW_MS - ago_ms,
        duration_ms: Some(duration_ms),
        status,
        error_details: None,
        tools_used: Vec::new(),
        tool_calls: BTreeMap::new(),
        token_usage: None,
        performance_metrics: None,
        task_metadata: None,
        output_metrics: None,
        origin: Origin::default(),
    };
    execution.merge(Fact::Stop(Box::new(stop)), &Catalog::default());
    execution
}

#[test]
fn a_window_holds_what_ended_in_it() {
    let ends = RecentOutcomes::default();
    let agos = [0, 200_000, 290_000, 400_000, 2 * HOUR_MS];
    for (i, ago_ms) in agos.into_iter().enumerate() {
        let status = if i == 1 {
            Status::Failure
        } else {
            Status::Success
        };
        ends.take(&[change(None, &ended(&format!("x{i}"), ago_ms, status))]);
    }
    let sums = |window_ms| {
        let sums = ends.sums(NOW_MS, window_ms);
        (sums.executions, sums.successes)
    };
    assert_eq!(sums(60_000), (1, 1));
    assert_eq!(sums(300_000), (3, 2));
    assert_eq!(sums(HOUR_MS), (4, 3));
    assert_eq!(ends.sums(NOW_MS + HOUR_MS, 300_000), Sums::default());
}

#[test]
fn a_correction_takes_the_place_of_what_it_corrects() {
    let ends = RecentOutcomes::default();
    let mut hung = Execution::new("x".to_owned());
    let start = Start {
        agent_name: "a".to_owned(),
        agent_type: None,
        started_ms: NOW_MS - 60_000,
        task_description: None,
        tools_granted: Vec::new(),
        context_size: None,
        origin: Origin::default(),
    };
    hung.merge(Fact::Start(Box::new(start)), &Catalog::default());
    let runs = hung.clone();
    hung.merge(
        Fact::TimedOut {
            ended_ms: NOW_MS - 1_000,
        },
        &Catalog::default(),
    );
    ends.take(&[change(None, &runs), change(Some(&runs), &hung)]);
    let sums = ends.sums(NOW_MS, 60_000);
    assert_eq!((sums.executions, sums.successes, sums.reaped), (1, 0, 1));
    assert_eq!(ends.reaped(NOW_MS, 60_000, 9), ["a"]);
    assert_eq!(ends.failing(NOW_MS, DAY_MS, 1), [("a".to_owned(), 1)]);
    let stop = ended("x", 500, Status::Success);
    ends.take(&[change(Some(&hung), &stop)]);
    let sums = ends.sums(NOW_MS, 60_000);
    assert_eq!((sums.executions, sums.successes, sums.reaped), (1, 1, 0));
    assert_eq!(ends.reaped(NOW_MS, 60_000, 9), [""; 0]);
    assert_eq!(ends.failing(NOW_MS, DAY_MS, 1), []);
}

#[test]
fn failures_in_a_row_are_those_after_the_last_success_by_the_time_of_their_ends() {
    let ends = RecentOutcomes::default();
    let all = [
        ("a", 90_000, Status::Failure),
        ("b", 80_000, Status::Success),
        ("d", 60_000, Status::Timeout),
        ("c", 70_000, Status::Failure),
        ("e", 50_000, Status::Failure),
    ];
    for (id, ago_ms, status) in all {
        ends.take(&[change(None, &ended(id, ago_ms, status))]);
    }
    assert_eq!(ends.failing(NOW_MS, DAY_MS, 3), [("a".to_owned(), 3)]);
    assert_eq!(ends.failing(NOW_MS, DAY_MS, 4), []);
    assert_eq!(ends.failing(NOW_MS, 65_000, 3), []);
    // Its transcript says that the last but one had failed as well.
    let success = ended("b", 80_000, Status::Success);
    let failure = ended("b", 80_000, Status::Failure);
    ends.take(&[change(Some(&success), &failure)]);
    assert_eq!(ends.failing(NOW_MS, DAY_MS, 3), [("a".to_owned(), 5)]);
    ends.take(&[change(None, &ended("f", 40_000, Status::Success))]);
    assert_eq!(ends.failing(NOW_MS, DAY_MS, 1), []);
}

#[test]
fn an_end_that_is_restored_twice_is_one() {
    let ends = RecentOutcomes::default();
    let ended = Ended {
        id: "x".to_owned(),
        agent_name: "a".to_owned(),
        ended_ms: NOW_MS - 1_000,
        status: Status::Timeout,
        duration_ms: None,
        total_tokens: 7,
    };
    ends.restore_sum(&ended);
    ends.restore_end(&ended);
    ends.restore_end(&ended);
    assert_eq!(ends.sums(NOW_MS, 60_000).tokens, 7);
    assert_eq!(ends.sums(NOW_MS, 60_000).reaped, 1);
    assert_eq!(ends.failing(NOW_MS, DAY_MS, 1), [("a".to_owned(), 1)]);
}

#[test]
fn outcomes_dropped_for_reopened_runs_come_back_from_history() {
    let ends = RecentOutcomes::default();
    let failures: Vec<Execution> = (0..5)
        .map(|i| ended(&format!("f{i}"), 200_000 + i, Status::Failure))
        .collect();
    for failure in &failures {
        ends.take(&[change(None, failure)]);
    }
    let hung: Vec<Execution> = (0..MAX_ENDS as i64)
        .map(|i| ended(&format!("h{i}"), 100_000 + i, Status::Timeout))
        .collect();
    for hung in &hung {
        ends.take(&[change(None, hung)]);
    }
    assert_eq!(ends.lacking(u64::MAX, 9), []);
    // Each belongs to another agent after all.
    let moved = |hung: &Execution, seq| {
        let after = Arc::new(execution("b", &hung.id, 50_000, Status::Success, 1));
        Arc::new(Change::between(
            Some(Arc::new(hung.clone())),
            after,
            seq,
            NOW_MS,
        ))
    };
    for (seq, hung) in (1..).zip(&hung) {
        ends.take(&[moved(hung, seq)]);
    }
    let last = MAX_ENDS as u64;
    assert_eq!(ends.failing(NOW_MS, DAY_MS, 1), []);
    ends.forget(NOW_MS);
    assert_eq!(ends.lacking(last - 1, 9), [], "history is not so far");
    assert_eq!(ends.lacking(last, 9), [("a".to_owned(), last)]);
    let rows: Vec<Ended> = failures
        .iter()
        .map(|failure| Ended {
            id: failure.id.clone(),
            agent_name: "a".to_owned(),
            ended_ms: failure.outcome().unwrap().ended_ms,
            status: Status::Failure,
            duration_ms: Some(100),
            total_tokens: 0,
        })
        .collect();
    ends.refill("a", last - 1, &rows);
    assert_eq!(
        ends.failing(NOW_MS, DAY_MS, 1),
        [],
        "one was taken away since"
    );
    ends.refill("a", last, &rows);
    assert_eq!(ends.failing(NOW_MS, DAY_MS, 1), [("a".to_owned(), 5)]);
    assert_eq!(ends.lacking(u64::MAX, 9), []);
}

#[test]
fn of_an_agent_the_last_ends_are_kept_and_their_mean_is_of_the_window() {
    let ends = RecentOutcomes::default();
    for i in 0..100 {
        let ago_ms = 100_000 - i * 1_000;
        let execution = execution("a", &format!("x{i}"), ago_ms, Status::Success, i as u64);
        ends.take(&[change(None, &execution)]);
    }
    let means = ends.means(NOW_MS, HOUR_MS, 5);
    // 36 + … + 99.
    assert_eq!((means[0].count, means[0].total_duration_ms), (64, 4_320));
    let means = ends.means(NOW_MS, 5_000, 4);
    // Those that ended less than 5 s ago: 96 + … + 99.
    assert_eq!((means[0].count, means[0].total_duration_ms), (4, 390));
    assert_eq!(ends.means(NOW_MS, 5_000, 5), []);
    ends.forget(NOW_MS + DAY_MS);
    assert_eq!(ends.means(NOW_MS, HOUR_MS, 1), []);
}

#[test]
fn agents_beyond_the_places_count_in_the_sums_only() {
    let ends = RecentOutcomes::default();
    for i in 0..MAX_AGENTS + 5 {
        let (name, id) = (format!("agent-{i}"), format!("x{i}"));
        let execution = execution(&name, &id, 1_000, Status::Failure, 1);
        ends.take(&[change(None, &execution)]);
    }
    assert_eq!(ends.failing(NOW_MS, DAY_MS, 1).len(), MAX_AGENTS);
    assert_eq!(ends.sums(NOW_MS, 60_000).executions, 1_029);
}
