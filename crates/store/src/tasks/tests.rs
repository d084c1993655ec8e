use super::*;
use agentpulse_tasks::status::Status;
use agentpulse_tasks::work::Claim;

const NOW_MS: i64 = 1_800_000_000_000;

fn new(to: &str, rank: i64) -> New {
    New {
        task_type: "fix_bug".to_owned(),
        assigned_to: to.to_owned(),
        created_by: None,
        priority: 5,
        context: Some("{\"a\":1}".to_owned()),
        parent: None,
        unique_key: None,
        not_before_ms: 0,
        max_retries: 3,
        lease_ms: 300_000,
        timeout_ms: None,
        fails_with_needs: false,
        rank,
        created_ms: NOW_MS,
    }
}

fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("tasks.db")).unwrap();
    (dir, store)
}

#[test]
fn the_next_task_is_the_first_of_its_rank_among_all_that_a_worker_takes() {
    let (_dir, mut store) = store();
    let found = store.write(|tables| {
        for (to, rank) in [("qa", 3), ("developer", 2), ("developer", 1), ("qa", 1)] {
            tables.insert(&new(to, rank)).unwrap();
        }
        let later = New {
            not_before_ms: NOW_MS + 1,
            rank: 0,
            ..new("qa", 0)
        };
        tables.insert(&later).unwrap();
        let next = |to: &[&str], types: &[&str]| {
            let owned = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
            let found = tables.next(&owned(to), &owned(types), NOW_MS).unwrap();
            found.map(|task| task.id)
        };
        Ok([
            next(&["qa"], &[]),
            next(&["developer"], &[]),
            next(&["qa", "developer"], &[]),
            next(&["qa"], &["verify_fix"]),
            next(&["qa"], &["verify_fix", "fix_bug"]),
            next(&["nobody"], &[]),
        ])
    });
    let expected = [Some(4), Some(3), Some(3), None, Some(4), None];
    assert_eq!(found.unwrap(), expected);
}

#[test]
fn an_operation_that_is_refused_leaves_nothing_and_the_others_stay() {
    let (_dir, mut store) = store();
    let ids = store.write(|tables| {
        let first = tables.attempt(|tables| Ok(tables.insert(&new("qa", 1))?.id));
        let second = tables.attempt(|tables| {
            let task = tables.insert(&new("qa", 1))?;
            tables.add_need(task.id, 1)?;
            let lost = agentpulse_tasks::refusal::Refusal::UnknownTask(9);
            Err::<i64, _>(Unapplied::from(lost))
        });
        let third = tables.attempt(|tables| Ok(tables.insert(&new("qa", 1))?.id));
        Ok((first.unwrap(), second.is_err(), third.unwrap()))
    });
    assert_eq!(ids.unwrap(), (1, true, 2));
    let listed = store.read(|tables| tables.list(&Filter::default(), None, 10));
    let ids: Vec<i64> = listed.unwrap().iter().map(|task| task.id).collect();
    assert_eq!(ids, [2, 1]);
    assert_eq!(
        store.read(|tables| tables.needing(1)).unwrap(),
        [] as [i64; 0]
    );
}

#[test]
fn a_chain_goes_once_all_of_it_has_ended() {
    let (_dir, mut store) = store();
    let before = |ended_ms| Before {
        ended_ms,
        logs_ms: ended_ms,
        answers_ms: ended_ms,
    };
    let left = store.write(|tables| {
        for parent in [None, Some(1), None] {
            tables.insert(&New {
                parent,
                ..new("qa", 1)
            })?;
        }
        let line = Line {
            level: Level::Info,
            message: "x".to_owned(),
            data: None,
        };
        tables.add_log(1, "qa", &line, NOW_MS + 50)?;
        let mut left = Vec::new();
        for id in [1, 3, 2] {
            let mut task = tables.task(id)?.unwrap();
            task.cancel(NOW_MS + id).unwrap();
            tables.update(&task)?;
            tables.prune(&before(NOW_MS + 10))?;
            let tasks = tables.list(&Filter::default(), None, 10)?;
            left.push(tasks.iter().map(|task| task.id).collect::<Vec<_>>());
        }
        assert_eq!(tables.count_logs(1)?, 0);
        Ok(left)
    });
    assert_eq!(left.unwrap(), [vec![3, 2, 1], vec![2, 1], vec![]]);
}

#[test]
fn a_task_is_kept_while_another_one_waits_for_it() {
    let (_dir, mut store) = store();
    let before = Before {
        ended_ms: NOW_MS + 10,
        logs_ms: 0,
        answers_ms: 0,
    };
    let left = store.write(|tables| {
        for needs in [None, Some(1)] {
            let task = tables.insert(&new("qa", 1))?;
            needs.map_or(Ok(()), |needs| tables.add_need(task.id, needs))?;
        }
        let mut left = Vec::new();
        for id in [1, 2] {
            let mut task = tables.task(id)?.unwrap();
            task.cancel(NOW_MS).unwrap();
            tables.update(&task)?;
            tables.prune(&before)?;
            left.push(tables.list(&Filter::default(), None, 10)?.len());
        }
        Ok(left)
    });
    assert_eq!(left.unwrap(), [2, 0]);
}

#[test]
fn what_was_made_while_the_clock_was_ahead_does_not_count() {
    let (_dir, mut store) = store();
    let counted = store.write(|tables| {
        for created_ms in [NOW_MS - 60_001, NOW_MS - 60_000, NOW_MS, NOW_MS + 1] {
            let created_by = Some("planner".to_owned());
            tables.insert(&New {
                created_by,
                created_ms,
                ..new("qa", 1)
            })?;
        }
        tables.count_created("planner", NOW_MS - 60_000..=NOW_MS, 60)
    });
    assert_eq!(counted.unwrap(), 2);
}

#[test]
fn a_task_reads_as_it_was_written() {
    let (dir, mut store) = store();
    let written = store.write(|tables| {
        let mut task = tables.insert(&new("qa", 1)).unwrap();
        let number = tables
            .add_claim(task.id, "w", Some("tester"), NOW_MS)
            .unwrap();
        let claim = Claim {
            number,
            worker: "w".to_owned(),
            agent_name: Some("tester".to_owned()),
            lease_ms: Some(10_000),
        };
        task.claim(claim, NOW_MS).unwrap();
        task.beat(number, Some(0.5), None).unwrap();
        tables.update(&task).unwrap();
        tables
            .add_event(Kind::Claimed, &task, Some("w"), NOW_MS)
            .unwrap();
        Ok(task)
    });
    let written = written.unwrap();
    let read = store.read(|tables| tables.task(1)).unwrap();
    assert_eq!(read.as_ref(), Some(&written));
    assert_eq!((written.status, written.root), (Status::Running, 1));
    let reader = Store::open_to_read(&dir.path().join("tasks.db")).unwrap();
    assert_eq!(reader.epoch(), store.epoch());
    let epoch = store.epoch().to_owned();
    let states = reader.read(|tables| tables.states()).unwrap();
    let qa = &states["qa"];
    assert_eq!((qa.state, qa.current_task), (State::Working, Some(1)));
    drop(store);
    drop(reader);
    let path = dir.path().join("tasks.db");
    assert_eq!(Store::open(&path).unwrap().epoch(), epoch);
    Store::renew(&path).unwrap();
    assert_ne!(Store::open(&path).unwrap().epoch(), epoch);
}
