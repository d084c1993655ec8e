//! Faults that the model has found, each by itself.

use agentpulse_store::tasks::{Event, MessageKind, Written};
use agentpulse_tasks::refusal::Refusal;
use agentpulse_tasks::status::{BlockedReason, Status};
use agentpulse_tasks::task::Task;
use agentpulse_tasks::work::Failure;

use super::{Running, asked, new};
use crate::Denied;
use crate::ops::{self, Claim, Claimed, NewTask};

async fn made(running: &Running, new: NewTask) -> Task {
    let created = running.apply(|of| ops::create(of, new)).await;
    created.unwrap().task
}

async fn failed(running: &Running, claimed: Claimed, is_final: bool) -> Task {
    let failure = Failure {
        is_final,
        retry_in_ms: Some(0),
        ..Failure::default()
    };
    let id = claimed.task.id;
    let fail = running.apply(move |of| ops::fail(of, id, &claimed.token, failure, 0.5));
    fail.await.unwrap()
}

async fn asks(running: &Running, claimed: Claimed) -> (Task, Option<i64>) {
    let block = running.apply(move |of| {
        let (to, content) = ("architect".to_owned(), "Which one?".to_owned());
        ops::block(of, claimed.task.id, &claimed.token, to, content)
    });
    block.await.unwrap()
}

async fn task(running: &Running, id: i64) -> Task {
    let queue = running.queue();
    let read = queue.read(move |tables| tables.task(id));
    read.await.unwrap().unwrap()
}

#[tokio::test]
async fn a_task_cannot_wait_for_itself() {
    let running = Running::start();
    let own = NewTask {
        needs: vec![1],
        ..new("qa")
    };
    let refused = running.apply(|of| ops::create(of, own)).await;
    let refused = refused.map(|created| created.task.id);
    assert_eq!(refused, Err(Denied::Refused(Refusal::UnknownTask(1))));
}

#[tokio::test]
async fn an_answer_to_an_earlier_question_leaves_the_task_where_it_is() {
    let running = Running::start();
    let id = running.create("qa").await;
    let answer = async |question: Option<i64>| {
        let written = Written {
            task: None,
            from: "architect".to_owned(),
            to: "qa".to_owned(),
            kind: MessageKind::Answer,
            content: "The second.".to_owned(),
            metadata: None,
            reply_to: question,
        };
        running.apply(|of| ops::send(of, written)).await.unwrap();
        task(&running, id).await.status
    };
    let claim = async || running.claim("qa", "w").await.unwrap();
    let (_, first) = asks(&running, claim().await).await;
    assert_eq!(answer(first).await, Status::Pending);
    let (_, second) = asks(&running, claim().await).await;
    assert_eq!(answer(first).await, Status::Blocked);
    assert_eq!(answer(second).await, Status::Pending);
}

#[tokio::test]
async fn a_worker_that_asks_while_it_is_to_give_up_ends_the_task() {
    let running = Running::start();
    let id = running.create("qa").await;
    let claimed = running.claim("qa", "w").await.unwrap();
    let cancel = running.apply(move |of| ops::cancel(of, id, false, None));
    assert_eq!(cancel.await.unwrap().status, Status::Running);
    let (task, question) = asks(&running, claimed).await;
    assert_eq!((task.status, question), (Status::Cancelled, None));
}

#[tokio::test]
async fn an_attempt_ended_as_it_did_and_not_as_the_one_before() {
    let running = Running::start();
    let id = running.create("qa").await;
    let claim = async || running.claim("qa", "w").await.unwrap();
    let release = async |claimed: Claimed| {
        let release = running.apply(move |of| ops::release(of, id, &claimed.token, 0.0));
        release.await.unwrap();
    };
    failed(&running, claim().await, false).await;
    release(claim().await).await;
    let (task, _) = asks(&running, claim().await).await;
    let unblock = running.apply(move |of| ops::unblock(of, task.id, None));
    unblock.await.unwrap();
    release(claim().await).await;
    release(claim().await).await;
    assert_eq!(
        self::task(&running, id).await.retry_count,
        1,
        "not in a row"
    );
    let queue = running.queue();
    let read = queue.read(move |tables| {
        let events = tables.events_after(0, 100)?;
        Ok((tables.attempts(id)?, events))
    });
    let (attempts, events) = read.await.unwrap();
    let how: Vec<_> = attempts.iter().map(|one| one.how.as_deref()).collect();
    let expected = ["failed", "released", "blocked", "released", "released"];
    assert_eq!(how, expected.map(Some));
    let is_failure = |event: &&Event| event.kind.word() == "task_failed";
    assert_eq!(events.iter().filter(is_failure).count(), 1);
}

#[tokio::test]
async fn a_lease_that_one_worker_asked_for_is_not_that_of_the_next() {
    let running = Running::start();
    running.create("qa").await;
    let short = Claim {
        lease_ms: Some(10_000),
        ..asked("qa", "one")
    };
    let short = running.apply(|of| ops::claim(of, short)).await.unwrap();
    let short = short.unwrap();
    assert_eq!(short.left.as_millis(), 10_000);
    failed(&running, short, false).await;
    let next = running.claim("qa", "two").await.unwrap();
    assert_eq!(next.left.as_millis(), 300_000);
}

#[tokio::test]
async fn no_lease_is_promised_beyond_the_end_of_the_attempt() {
    let running = Running::start();
    let id = made(
        &running,
        NewTask {
            timeout_ms: Some(60_000),
            ..new("qa")
        },
    );
    let id = id.await.id;
    let claimed = running.claim("qa", "w").await.unwrap();
    assert_eq!(claimed.left.as_millis(), 60_000);
    let beat = running.apply(move |of| ops::beat(of, id, &claimed.token, None, None));
    assert!(beat.await.unwrap().left.as_millis() <= 60_000);
}

#[tokio::test]
async fn a_task_that_waited_for_another_one_still_waits_for_its_time() {
    let running = Running::start();
    let first = running.create("qa").await;
    let later_ms = agentpulse_pipeline::clock::now_ms() + 60_000;
    let then = NewTask {
        needs: vec![first],
        not_before_ms: Some(later_ms),
        ..new("developer")
    };
    let then = made(&running, then).await;
    let claimed = running.claim("qa", "w").await.unwrap();
    let done = running.apply(move |of| ops::complete(of, first, &claimed.token, None, None));
    done.await.unwrap();
    let then = task(&running, then.id).await;
    assert_eq!(
        (then.status, then.not_before_ms),
        (Status::Pending, later_ms)
    );
    assert_eq!(running.claim("developer", "w").await, None);
}

#[tokio::test]
async fn a_task_waits_in_vain_until_all_that_failed_are_tried_again() {
    let running = Running::start();
    let mut needs = Vec::new();
    for _ in 0..2 {
        running.create("qa").await;
        let claimed = running.claim("qa", "w").await.unwrap();
        needs.push(failed(&running, claimed, true).await.id);
    }
    let waiting = NewTask {
        needs: needs.clone(),
        ..new("developer")
    };
    let waiting = made(&running, waiting).await.id;
    let expected = [BlockedReason::DependencyFailed, BlockedReason::Dependency];
    for (need, expected) in needs.into_iter().zip(expected) {
        let retry = running.apply(move |of| ops::retry(of, need, None));
        retry.await.unwrap();
        let reason = task(&running, waiting).await.blocked_reason;
        assert_eq!(reason, Some(expected));
    }
}
