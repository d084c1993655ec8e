//! Those who wait: each is woken once, and no task is lost.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::task::{JoinHandle, JoinSet, yield_now};

use super::{Running, asked, new};
use crate::handle::{Denied, Queue};
use crate::ops::{self, Claim, Claimed};

const MANY: usize = 1_000;
const LONG: Duration = Duration::from_secs(60);

type Wait = JoinHandle<Result<Option<Claimed>, Denied>>;

fn waits(queue: &Arc<Queue>, asked: Claim) -> Wait {
    let queue = queue.clone();
    tokio::spawn(async move { queue.claim(asked, LONG).await })
}

fn to(names: &[&str], worker: &str) -> Claim {
    Claim {
        to: names.iter().map(|name| (*name).to_owned()).collect(),
        ..asked("", worker)
    }
}

/// All that was spawned has looked, and waits: on one thread an operation of the test comes after
/// theirs.
async fn all_wait(running: &Running) {
    for _ in 0..3 {
        yield_now().await;
        running.apply(|_| Ok(())).await.unwrap();
    }
}

#[tokio::test]
async fn of_many_each_is_woken_once() {
    let running = Running::start();
    let queue = running.queue();
    let mut waits = JoinSet::new();
    for n in 0..MANY {
        let (queue, asked) = (queue.clone(), asked("qa", &format!("w{n}")));
        waits.spawn(async move { queue.claim(asked, LONG).await });
        // The queue takes 1,024 operations at once.
        if n % 100 == 99 {
            all_wait(&running).await;
        }
    }
    all_wait(&running).await;
    for _ in 0..MANY {
        running.create("qa").await;
    }
    let mut taken = BTreeSet::new();
    while let Some(claimed) = waits.join_next().await {
        let claimed = claimed.unwrap().unwrap().expect("a task for each");
        assert!(taken.insert(claimed.task.id), "one task, one worker");
    }
    assert_eq!(taken.len(), MANY);
    let woken = queue.waiting.woken.load(Ordering::Relaxed);
    assert!((MANY..=MANY * 6 / 5).contains(&woken), "{woken} were woken");
}

#[tokio::test]
async fn one_that_goes_away_after_it_was_woken_wakes_the_next() {
    let running = Running::start();
    let queue = running.queue();
    let gone = waits(&queue, asked("qa", "gone"));
    all_wait(&running).await;
    let next = waits(&queue, asked("qa", "next"));
    all_wait(&running).await;
    // It is woken, and had no time to look.
    queue.waiting.wake("qa", "fix_bug");
    gone.abort();
    let created = queue.apply(0, |of| ops::create(of, new("qa"))).await;
    let id = created.unwrap().task.id;
    let claimed = next.await.unwrap().unwrap().expect("a task");
    assert_eq!(
        (claimed.task.id, claimed.task.worker.as_deref()),
        (id, Some("next"))
    );
}

/// The first is woken for a task of one role and takes one of another: the second takes the first.
#[tokio::test]
async fn one_that_takes_another_task_wakes_the_next_for_the_first() {
    let running = Running::start();
    let queue = running.queue();
    let both = waits(&queue, to(&["developer", "qa"], "both"));
    all_wait(&running).await;
    let other = waits(&queue, asked("qa", "other"));
    all_wait(&running).await;
    let urgent = crate::ops::NewTask {
        priority: 10,
        ..new("developer")
    };
    // Both are there before anybody has looked.
    let made = queue.apply(0, |of| {
        ops::create(of, new("qa"))?;
        ops::create(of, urgent)
    });
    made.await.unwrap();
    let taken = [both, other].map(|wait| async { wait.await.unwrap().unwrap() });
    for (wait, expected) in taken.into_iter().zip(["developer", "qa"]) {
        assert_eq!(wait.await.expect("a task").task.assigned_to, expected);
    }
}

/// Two claims of one worker: the second is given the task of the first, and another worker is woken
/// for the task that the second was woken for.
#[tokio::test]
async fn one_that_is_given_its_own_task_again_wakes_the_next() {
    let running = Running::start();
    let queue = running.queue();
    let mut waiting = Vec::new();
    for worker in ["twice", "twice", "other"] {
        waiting.push(waits(&queue, asked("qa", worker)));
        all_wait(&running).await;
    }
    let made = queue.apply(0, |of| {
        ops::create(of, new("qa"))?;
        ops::create(of, new("qa"))
    });
    made.await.unwrap();
    let mut taken = Vec::new();
    for wait in waiting {
        taken.push(wait.await.unwrap().unwrap().expect("a task").task.id);
    }
    assert_eq!(taken, [1, 1, 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_many_who_wait_gets_one_task_and_none_is_lost() {
    const WORKERS: usize = 200;
    let running = Running::start();
    let queue = running.queue();
    let mut waits = JoinSet::new();
    for n in 0..WORKERS {
        let (queue, mut asked) = (queue.clone(), asked("qa", &format!("w{n}")));
        if n % 2 == 0 {
            asked.task_types = vec!["fix_bug".to_owned()];
        }
        waits.spawn(async move { queue.claim(asked, Duration::from_secs(30)).await });
    }
    // Those who give up hand on what they were woken for.
    for n in 0..50 {
        let (queue, asked) = (queue.clone(), asked("qa", &format!("gone{n}")));
        let wait = tokio::spawn(async move { queue.claim(asked, Duration::from_secs(30)).await });
        wait.abort();
    }
    let creates = (0..WORKERS).map(|_| {
        let queue = queue.clone();
        tokio::spawn(async move { queue.apply(0, |of| ops::create(of, new("qa"))).await })
    });
    for made in creates.collect::<Vec<_>>() {
        made.await.unwrap().unwrap();
    }
    let mut taken = BTreeSet::new();
    while let Some(claimed) = waits.join_next().await {
        let claimed = claimed.unwrap().unwrap().expect("a task for each");
        assert!(taken.insert(claimed.task.id), "one task, one worker");
    }
    assert_eq!(taken.len(), WORKERS);
}

/// One that is woken by the number of an event finds it: it is on the disk.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_waits_for_an_event_finds_it() {
    let running = Running::start();
    let queue = running.queue();
    for seq in 0..50 {
        let waiting = queue.clone();
        let found = tokio::spawn(async move {
            waiting.beyond(seq, LONG).await;
            let read = waiting.read(move |tables| tables.events_after(seq, 10));
            read.await.unwrap().len()
        });
        running.create("qa").await;
        assert_eq!(found.await.unwrap(), 1);
    }
}
