//! The queue with its database, without the daemon.

mod faults;
mod time;
mod waiters;

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tempfile::TempDir;

use agentpulse_store::tasks::{MessageKind, Unread, Written};
use agentpulse_tasks::refusal::Refusal;
use agentpulse_tasks::status::{BlockedReason, Status};
use agentpulse_tasks::work::Failure;

use crate::clock::{Clock, SystemClock};
use crate::handle::{Denied, Queue};
use crate::operation::{Applied, Operation};
use crate::ops::{self, Claim, Claimed, Handoff, NewTask};
use crate::writer::open_by;
use agentpulse_tasks::settings::Settings;

struct Running {
    queue: Option<Arc<Queue>>,
    thread: Option<JoinHandle<()>>,
    folder: TempDir,
}

impl Running {
    fn start() -> Running {
        Running::on(
            TempDir::new().unwrap(),
            Settings::default(),
            Box::new(SystemClock),
        )
    }

    fn on(folder: TempDir, settings: Settings, clock: Box<dyn Clock>) -> Running {
        let settings = Arc::new(settings);
        let current = Arc::new(move || settings.clone());
        let path = folder.path().join("tasks.db");
        let (queue, writer) = open_by(&path, current, Arc::default(), clock).unwrap();
        Running {
            queue: Some(queue),
            thread: Some(std::thread::spawn(move || writer.run())),
            folder,
        }
    }

    fn queue(&self) -> Arc<Queue> {
        self.queue.clone().unwrap()
    }

    /// Returns its data.
    fn end(mut self) -> TempDir {
        self.queue = None;
        self.thread.take().unwrap().join().unwrap();
        self.folder
    }

    /// Ends, and begins again on the same data.
    fn again(self) -> Running {
        Running::on(self.end(), Settings::default(), Box::new(SystemClock))
    }

    async fn apply<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Operation) -> Applied<T> + Send + 'static,
    ) -> Result<T, Denied> {
        self.queue().apply(0, work).await
    }

    async fn create(&self, to: &str) -> i64 {
        let new = new(to);
        let created = self.apply(move |of| ops::create(of, new)).await;
        created.unwrap().task.id
    }

    async fn claim(&self, to: &str, worker: &str) -> Option<Claimed> {
        let asked = asked(to, worker);
        self.queue().claim(asked, Duration::ZERO).await.unwrap()
    }
}

fn new(to: &str) -> NewTask {
    NewTask {
        task_type: "fix_bug".to_owned(),
        assigned_to: to.to_owned(),
        priority: 5,
        ..NewTask::default()
    }
}

fn asked(to: &str, worker: &str) -> Claim {
    Claim {
        to: vec![to.to_owned()],
        worker: worker.to_owned(),
        agent_name: None,
        task_types: Vec::new(),
        lease_ms: None,
        max: 1,
        link: None,
    }
}

#[tokio::test]
async fn a_task_goes_from_its_creation_to_its_end_and_on_to_the_next() {
    let running = Running::start();
    let id = running.create("triage").await;
    assert_eq!(running.claim("qa", "w").await, None);
    let claimed = running.claim("triage", "w").await.unwrap();
    assert_eq!(
        (claimed.task.id, claimed.task.status),
        (id, Status::Running)
    );
    let again = running.claim("triage", "w").await.unwrap();
    assert_eq!(
        (&again.token, again.is_new),
        (&claimed.token, false),
        "its answer may have been lost"
    );
    assert_eq!(running.claim("triage", "other").await, None);
    let handoff = Handoff {
        assigned_to: "developer".to_owned(),
        task_type: "fix_bug".to_owned(),
        context: None,
        priority: Some(9),
    };
    let complete = || {
        let (token, handoff) = (claimed.token.clone(), handoff.clone());
        let result = Some("{\"cause\":1}".to_owned());
        let queue = running.queue();
        async move {
            let done = queue.apply(0, move |of| {
                ops::complete(of, id, &token, result, Some(handoff))
            });
            done.await
        }
    };
    let done = complete().await.unwrap();
    assert_eq!(done.task.status, Status::Completed);
    let child = done.child.clone().unwrap();
    assert_eq!((child.parent, child.root, child.depth), (Some(id), id, 1));
    assert_eq!(child.context.as_deref(), Some("{\"cause\":1}"));
    assert_eq!(
        complete().await.unwrap(),
        done,
        "the same again is answered again"
    );
    let unread = Unread {
        to: Some("developer".to_owned()),
        is_unread: true,
        ..Unread::default()
    };
    let messages = running
        .queue()
        .read(move |tables| tables.messages(&unread, 10))
        .await;
    assert_eq!(messages.unwrap()[0].written.kind, MessageKind::Handoff);
}

#[tokio::test]
async fn a_failed_attempt_is_tried_again_and_the_last_one_is_the_end() {
    let running = Running::start();
    let new = NewTask {
        max_retries: Some(1),
        ..new("qa")
    };
    let id = running
        .apply(|of| ops::create(of, new))
        .await
        .unwrap()
        .task
        .id;
    for (attempt, expected) in [(1, Status::Pending), (2, Status::Failed)] {
        let claimed = running.claim("qa", "w").await.unwrap();
        let failure = Failure {
            retry_in_ms: Some(0),
            ..Failure::default()
        };
        let failed = running.apply(move |of| ops::fail(of, id, &claimed.token, failure, 0.5));
        assert_eq!(failed.await.unwrap().status, expected, "attempt {attempt}");
    }
    let attempts = running
        .queue()
        .read(move |tables| tables.attempts(id))
        .await;
    assert_eq!(attempts.unwrap().len(), 2);
    let retried = running
        .apply(move |of| ops::retry(of, id, Some("user")))
        .await;
    assert_eq!(retried.unwrap().status, Status::Pending);
    assert!(running.claim("qa", "w").await.is_some());
}

#[tokio::test]
async fn a_person_has_a_task_tried_once_more_and_after_those_that_it_waits_for() {
    let running = Running::start();
    let once = NewTask {
        max_retries: Some(0),
        ..new("qa")
    };
    let first = running.apply(|of| ops::create(of, once)).await.unwrap();
    let first = first.task.id;
    let then = NewTask {
        needs: vec![first],
        fails_with_needs: true,
        ..new("developer")
    };
    let then = running.apply(|of| ops::create(of, then)).await.unwrap();
    let then = then.task.id;
    let fails = async || {
        let claimed = running.claim("qa", "w").await.unwrap();
        let failure = Failure::default();
        let fail = move |of: &mut Operation| ops::fail(of, first, &claimed.token, failure, 0.5);
        running.apply(fail).await.unwrap().status
    };
    let retry = async |id| {
        let retried = running.apply(move |of| ops::retry(of, id, None)).await;
        retried.unwrap().status
    };
    assert_eq!(fails().await, Status::Failed);
    assert_eq!(retry(first).await, Status::Pending);
    assert_eq!(fails().await, Status::Failed, "once more, and not twice");
    assert_eq!(retry(first).await, Status::Pending);
    assert_eq!(retry(then).await, Status::Blocked, "the other comes first");
    let claimed = running.claim("qa", "w").await.unwrap();
    let done = running.apply(move |of| ops::complete(of, first, &claimed.token, None, None));
    assert_eq!(done.await.unwrap().task.status, Status::Completed);
    assert!(running.claim("developer", "w").await.is_some());
}

#[tokio::test]
async fn a_completion_that_comes_again_answers_the_child_that_it_made_or_is_refused() {
    let running = Running::start();
    let id = running.create("triage").await;
    let claimed = running.claim("triage", "w").await.unwrap();
    let complete = async |to: Option<&str>| {
        let handoff = to.map(|to| Handoff {
            assigned_to: to.to_owned(),
            task_type: "fix_bug".to_owned(),
            context: None,
            priority: None,
        });
        let token = claimed.token.clone();
        let done = running.apply(move |of| ops::complete(of, id, &token, None, handoff));
        done.await
            .map(|done| done.child.map(|child| child.assigned_to))
    };
    assert_eq!(complete(Some("qa")).await, Ok(Some("qa".to_owned())));
    let other = NewTask {
        parent: Some(id),
        ..new("monitor")
    };
    running.apply(|of| ops::create(of, other)).await.unwrap();
    assert_eq!(complete(Some("qa")).await, Ok(Some("qa".to_owned())));
    let status = "completed";
    let refused = Denied::Refused(Refusal::AlreadyEnded { id, status });
    assert_eq!(complete(Some("security")).await, Err(refused));
}

#[tokio::test]
async fn a_lost_token_changes_nothing() {
    let running = Running::start();
    let id = running.create("qa").await;
    let first = running.claim("qa", "one").await.unwrap();
    let released = first.token.clone();
    let done = running.apply(move |of| ops::release(of, id, &released, 0.0));
    done.await.unwrap();
    let second = running.claim("qa", "two").await.unwrap();
    assert_ne!(first.token, second.token);
    let token = first.token.clone();
    let late = running.apply(move |of| ops::complete(of, id, &token, None, None));
    let refused = late.await.unwrap_err();
    assert_eq!(
        refused,
        Denied::Refused(Refusal::LeaseLost("two holds task 1 now".to_owned()))
    );
}

#[tokio::test]
async fn a_question_ends_the_lease_and_its_answer_lets_the_task_go_on() {
    let running = Running::start();
    let id = running.create("developer").await;
    let claimed = running.claim("developer", "w").await.unwrap();
    let (_, question) = running
        .apply(move |of| {
            let (to, content) = ("architect".to_owned(), "Which one?".to_owned());
            ops::block(of, id, &claimed.token, to, content)
        })
        .await
        .unwrap();
    assert_eq!(running.claim("developer", "w").await, None);
    let answer = Written {
        task: None,
        from: "architect".to_owned(),
        to: "developer".to_owned(),
        kind: MessageKind::Answer,
        content: "The second.".to_owned(),
        metadata: None,
        reply_to: question,
    };
    running.apply(|of| ops::send(of, answer)).await.unwrap();
    let again = running.claim("developer", "w").await.unwrap();
    assert_eq!((again.task.id, again.task.retry_count), (id, 0));
}

#[tokio::test]
async fn a_task_waits_for_those_that_it_needs_however_long_the_chain() {
    let running = Running::start();
    let mut last = running.create("qa").await;
    let first = last;
    for _ in 0..500 {
        let new = NewTask {
            needs: vec![last],
            fails_with_needs: true,
            ..new("qa")
        };
        let made = running.apply(|of| ops::create(of, new)).await;
        let task = made.unwrap().task;
        assert_eq!(task.status, Status::Blocked);
        last = task.id;
    }
    running
        .apply(move |of| ops::cancel(of, first, false, None))
        .await
        .unwrap();
    let late = NewTask {
        needs: vec![first],
        ..new("qa")
    };
    let late = running
        .apply(|of| ops::create(of, late))
        .await
        .unwrap()
        .task;
    assert_eq!(late.blocked_reason, Some(BlockedReason::DependencyFailed));
    let end = running.queue().read(move |tables| tables.task(last)).await;
    let end = end.unwrap().unwrap();
    assert_eq!(end.status, Status::Failed);
    assert_eq!(end.error_type.as_deref(), Some("dependency_failed"));
}

#[tokio::test]
async fn what_was_held_is_held_after_a_restart_and_its_token_counts() {
    let running = Running::start();
    let id = running.create("qa").await;
    let claimed = running.claim("qa", "w").await.unwrap();
    let running = running.again();
    assert_eq!(running.claim("qa", "other").await, None);
    let token = claimed.token.clone();
    let done = running.apply(move |of| ops::complete(of, id, &token, None, None));
    assert_eq!(done.await.unwrap().task.status, Status::Completed);
}

#[tokio::test]
async fn a_key_is_one_request() {
    let running = Running::start();
    let queue = running.queue();
    let once = |key: &str, body: &'static [u8]| {
        let (queue, key) = (queue.clone(), Some(key.to_owned()));
        async move {
            let create = |of: &mut Operation| Ok(ops::create(of, new("qa"))?.task.id);
            queue.apply_once(key, body, create).await
        }
    };
    assert_eq!(once("a", b"1").await, Ok(1));
    assert_eq!(once("a", b"1").await, Ok(1));
    assert_eq!(once("b", b"1").await, Ok(2));
    assert_eq!(
        once("a", b"2").await,
        Err(Denied::Refused(Refusal::KeyReused))
    );
}
