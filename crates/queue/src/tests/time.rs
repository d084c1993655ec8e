//! Leases, ageing and restarts by clocks that the test moves.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tempfile::TempDir;

use agentpulse_tasks::refusal::Refusal;
use agentpulse_tasks::settings::Settings;
use agentpulse_tasks::status::Status;
use agentpulse_tasks::task::Task;
use agentpulse_tasks::token::Token;

use super::{Running, asked, new};
use crate::clock::Clock;
use crate::handle::Denied;
use crate::ops::{self, Claim, NewTask};

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;
const LEASE_MS: i64 = 300_000;

#[derive(Clone)]
struct Moved(Arc<Mutex<(Instant, i64)>>);

impl Clock for Moved {
    fn now(&self) -> Instant {
        self.0.lock().0
    }

    fn now_ms(&self) -> i64 {
        self.0.lock().1
    }
}

impl Moved {
    fn new() -> Moved {
        Moved(Arc::new(Mutex::new((Instant::now(), 1_800_000_000_000))))
    }

    fn start(&self, settings: Settings) -> Running {
        self.on(TempDir::new().unwrap(), settings)
    }

    fn on(&self, folder: TempDir, settings: Settings) -> Running {
        Running::on(folder, settings, Box::new(self.clone()))
    }

    fn pass(&self, ms: i64) {
        let mut clocks = self.0.lock();
        clocks.0 += Duration::from_millis(ms.unsigned_abs());
        clocks.1 += ms;
    }

    fn set(&self, by_ms: i64) {
        self.0.lock().1 += by_ms;
    }
}

/// After what the time has brought.
async fn task(running: &Running, id: i64) -> Task {
    let task = running.apply(move |of| of.task(id)).await;
    task.unwrap()
}

async fn complete(running: &Running, id: i64, token: &Token) -> Result<Status, Denied> {
    let token = token.clone();
    let done = running.apply(move |of| ops::complete(of, id, &token, None, None));
    done.await.map(|done| done.task.status)
}

fn lost<T>(why: &str) -> Result<T, Denied> {
    Err(Denied::Refused(Refusal::LeaseLost(why.to_owned())))
}

#[tokio::test]
async fn work_that_is_completed_late_counts_unless_another_worker_has_come() {
    for comes_another in [false, true] {
        let clock = Moved::new();
        let running = clock.start(Settings::default());
        let id = running.create("qa").await;
        let late = running.claim("qa", "late").await.unwrap();
        clock.pass(LEASE_MS);
        assert_eq!(task(&running, id).await.status, Status::Pending);
        if !comes_another {
            assert_eq!(
                complete(&running, id, &late.token).await,
                Ok(Status::Completed)
            );
            clock.pass(MINUTE_MS);
            assert_eq!(running.claim("qa", "other").await, None);
            continue;
        }
        clock.pass(MINUTE_MS);
        let other = running.claim("qa", "other").await.unwrap();
        let refused = complete(&running, id, &late.token).await;
        assert_eq!(refused, lost("other holds task 1 now"));
        assert_eq!(
            complete(&running, id, &other.token).await,
            Ok(Status::Completed)
        );
    }
}

/// The lease ends, and its completion comes, within one commit and in two.
#[tokio::test]
async fn a_lease_that_ends_while_its_completion_is_on_the_way_takes_nothing_away() {
    for is_before in [true, false] {
        let clock = Moved::new();
        let running = clock.start(Settings::default());
        let id = running.create("qa").await;
        let claimed = running.claim("qa", "w").await.unwrap();
        clock.pass(LEASE_MS - i64::from(is_before));
        assert_eq!(
            complete(&running, id, &claimed.token).await,
            Ok(Status::Completed)
        );
        clock.pass(1);
        let task = task(&running, id).await;
        assert_eq!((task.status, task.error_type), (Status::Completed, None));
    }
}

#[tokio::test]
async fn nobody_loses_a_lease_to_a_daemon_that_was_away() {
    let clock = Moved::new();
    let running = clock.start(Settings::default());
    let id = running.create("qa").await;
    let claimed = running.claim("qa", "w").await.unwrap();
    clock.pass(LEASE_MS - 1);
    let folder = running.end();
    clock.pass(3 * LEASE_MS);
    let running = clock.on(folder, Settings::default());
    clock.pass(LEASE_MS - 1);
    assert_eq!(task(&running, id).await.status, Status::Running);
    clock.pass(1);
    assert_eq!(task(&running, id).await.status, Status::Pending);
    assert_eq!(
        complete(&running, id, &claimed.token).await,
        Ok(Status::Completed)
    );
}

#[tokio::test]
async fn a_clock_that_is_set_takes_no_lease_and_gives_none() {
    for by_ms in [DAY_MS, -DAY_MS] {
        let clock = Moved::new();
        let running = clock.start(Settings::default());
        let id = running.create("qa").await;
        running.claim("qa", "w").await.unwrap();
        clock.set(by_ms);
        clock.pass(LEASE_MS - 1);
        assert_eq!(task(&running, id).await.status, Status::Running);
        clock.pass(1);
        assert_eq!(task(&running, id).await.status, Status::Pending);
    }
}

#[tokio::test]
async fn ten_thousand_leases_that_live_do_not_hide_one_that_has_ended() {
    const LIVE: usize = 10_000;
    let clock = Moved::new();
    let running = clock.start(Settings::default());
    let claimed = running.apply(|of| {
        let mut lost = 0;
        for n in 0..=LIVE {
            let is_lost = n == LIVE / 2;
            let id = ops::create(of, new("qa"))?.task.id;
            let claim = Claim {
                lease_ms: Some(if is_lost { 10_000 } else { 3_600_000 }),
                ..asked("qa", &format!("w{n}"))
            };
            ops::claim(of, claim)?;
            lost = if is_lost { id } else { lost };
        }
        Ok(lost)
    });
    let lost = claimed.await.unwrap();
    clock.pass(10_000);
    assert_eq!(task(&running, lost).await.status, Status::Pending);
    let queue = running.queue();
    let running = queue.read(|tables| tables.running()).await.unwrap();
    assert_eq!(running.len(), LIVE);
}

/// More than can be done of the highest priority, for ever, and one of the lowest.
#[tokio::test]
async fn a_task_of_the_lowest_priority_has_its_turn() {
    const WORK_MS: i64 = MINUTE_MS;
    const EVERY_MS: i64 = WORK_MS * 10 / 11;
    let clock = Moved::new();
    let running = clock.start(Settings::default());
    let urgent = || NewTask {
        priority: 10,
        ..new("qa")
    };
    running
        .apply(move |of| ops::create(of, urgent()))
        .await
        .unwrap();
    let low = NewTask {
        priority: 1,
        ..new("qa")
    };
    let low = running.apply(|of| ops::create(of, low)).await.unwrap();
    let (mut now_ms, mut next_ms) = (0, EVERY_MS);
    loop {
        let claimed = running.claim("qa", "w").await.expect("there is always one");
        now_ms += WORK_MS;
        clock.pass(WORK_MS);
        let (id, token) = (claimed.task.id, claimed.token);
        assert_eq!(complete(&running, id, &token).await, Ok(Status::Completed));
        if id == low.task.id {
            break;
        }
        while next_ms <= now_ms {
            running
                .apply(move |of| ops::create(of, urgent()))
                .await
                .unwrap();
            next_ms += EVERY_MS;
        }
    }
    // 90 minutes of waiting are worth nine steps: those that came before are first.
    let most_ms = 99 * MINUTE_MS + 2 * WORK_MS;
    assert!((90 * MINUTE_MS..=most_ms).contains(&now_ms), "{now_ms} ms");
}

#[tokio::test]
async fn without_a_step_the_priority_alone_decides() {
    let clock = Moved::new();
    let running = clock.start(Settings {
        age_step_ms: 0,
        ..Settings::default()
    });
    let priorities = [3, 10, 1, 3, 10, 7, 1, 5];
    for priority in priorities {
        let new = NewTask {
            priority,
            ..new("qa")
        };
        running.apply(|of| ops::create(of, new)).await.unwrap();
        clock.pass(DAY_MS);
    }
    let mut taken = Vec::new();
    while let Some(claimed) = running.claim("qa", &format!("w{}", taken.len())).await {
        taken.push(claimed.task.id);
    }
    assert_eq!(taken, [2, 5, 6, 8, 1, 4, 3, 7]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_make_a_task_with_one_key_one_makes_it() {
    let running = Running::start();
    let racers = (0..64).map(|_| {
        let queue = running.queue();
        let keyed = NewTask {
            unique_key: Some("k".to_owned()),
            ..new("qa")
        };
        tokio::spawn(async move { queue.apply(0, |of| ops::create(of, keyed)).await })
    });
    let mut made = Vec::new();
    for racer in racers.collect::<Vec<_>>() {
        made.push(racer.await.unwrap().unwrap());
    }
    assert!(made.iter().all(|created| created.task.id == 1));
    assert_eq!(made.iter().filter(|created| created.is_new).count(), 1);
}
