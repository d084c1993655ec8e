//! The queue itself, on a thread of its own, with clocks that the test moves.

use std::fs;
use std::future::{Future, poll_fn};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::runtime::Runtime;

use agentpulse_queue::ops::{Change, Claim, Handoff, NewTask};
use agentpulse_queue::{Applied, Clock, Denied, Operation, Queue, open_by, ops};
use agentpulse_store::tasks::{Level, Line, MessageKind, Store, Written};
use agentpulse_tasks::refusal::Refusal;
use agentpulse_tasks::settings::Settings;
use agentpulse_tasks::token::Token;
use agentpulse_tasks::work::Failure;

use crate::call::{Call, New, Said, Tok};

/// The chance by which waits differ, for what a worker asks.
const CHANCE: f64 = 0.5;
const FILE: &str = "tasks.db";

pub type Answer = Result<Said, &'static str>;

/// Both clocks.
#[derive(Clone)]
pub struct Moved(Arc<Mutex<(Instant, i64)>>);

impl Clock for Moved {
    fn now(&self) -> Instant {
        self.0.lock().expect("no panic").0
    }

    fn now_ms(&self) -> i64 {
        self.0.lock().expect("no panic").1
    }
}

pub struct Real {
    queue: Option<Arc<Queue>>,
    thread: Option<JoinHandle<()>>,
    folder: TempDir,
    clock: Moved,
    runtime: Runtime,
    /// By generation.
    epochs: Vec<String>,
}

/// In memory where there is such a folder: what is tested is not the disk.
pub fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = match memory.is_dir() {
        true => TempDir::new_in(memory),
        false => TempDir::new(),
    };
    made.expect("a folder")
}

/// What is on the disk at this moment, as after a kill.
pub fn copy(from: &Path, to: &Path) {
    for file in [FILE, "tasks.db-wal"] {
        if from.join(file).exists() {
            fs::copy(from.join(file), to.join(file)).expect("a copy");
        }
    }
}

impl Real {
    pub fn start(wall_ms: i64) -> Real {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let mut real = Real {
            queue: None,
            thread: None,
            folder: folder(),
            clock: Moved(Arc::new(Mutex::new((Instant::now(), wall_ms)))),
            runtime: { runtime }.enable_time().build().expect("a runtime"),
            epochs: Vec::new(),
        };
        real.begin(true);
        real
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join(FILE)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn begin(&mut self, is_new_epoch: bool) {
        let settings = Arc::new(Settings::default());
        let current = Arc::new(move || settings.clone());
        let clock = Box::new(self.clock.clone());
        let (queue, writer) =
            open_by(&self.path(), current, Arc::default(), clock).expect("a queue");
        self.queue = Some(queue);
        self.thread = Some(std::thread::spawn(move || writer.run()));
        if is_new_epoch {
            let epoch = self.apply(|of| Ok(of.token(1).epoch)).expect("an epoch");
            self.epochs.push(epoch);
        }
    }

    fn end(&mut self) {
        self.queue = None;
        let thread = self.thread.take();
        thread.map(JoinHandle::join).transpose().expect("no panic");
    }

    pub fn again(&mut self) {
        self.end();
        self.begin(false);
    }

    /// Goes on with what was copied; of a restored copy the tokens that were given are not known.
    pub fn again_on(&mut self, folder: TempDir, is_restored: bool) {
        self.end();
        self.folder = folder;
        if is_restored {
            Store::renew(&self.path()).expect("a new epoch");
        }
        self.begin(is_restored);
    }

    pub fn pass(&mut self, mono_ms: i64, wall_ms: i64) {
        {
            let mut clocks = self.clock.0.lock().expect("no panic");
            clocks.0 += Duration::from_millis(mono_ms.unsigned_abs());
            clocks.1 += wall_ms;
        }
        self.apply(|_| Ok(())).expect("an answer");
    }

    fn apply<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Operation) -> Applied<T> + Send + 'static,
    ) -> Result<T, Denied> {
        let queue = self.queue.clone().expect("it runs");
        self.runtime.block_on(queue.apply(0, work))
    }

    pub fn call(&self, call: &Call) -> Answer {
        self.runtime.block_on(self.asked(call))
    }

    fn asked(&self, call: &Call) -> Pin<Box<dyn Future<Output = Answer>>> {
        let queue = self.queue.clone().expect("it runs");
        let (call, epochs) = (call.clone(), self.epochs.clone());
        let work = move |of: &mut Operation| apply(of, call, &epochs);
        Box::pin(async move { queue.apply(0, work).await.map_err(code) })
    }

    /// All in one commit. Before the call of this number the files are copied to `place`, as a kill
    /// would leave them; after the last one it is once all is on the disk.
    pub fn commit(&self, calls: &[Call], at: usize, place: &Path) -> Vec<Answer> {
        let queue = self.queue.clone().expect("it runs");
        let ((started, is_started), (go, may_go)) = (channel(), channel());
        // While it waits all others come, so that the next commit has them all.
        let mut barrier = Box::pin(queue.apply(0, move |_| {
            let _ = started.send(());
            let _ = may_go.recv();
            Ok(())
        }));
        let mut asked: Vec<_> = calls.iter().map(|call| self.asked(call)).collect();
        let (from, to) = (self.folder().to_owned(), place.to_owned());
        if at < asked.len() {
            let queue = queue.clone();
            let work = move |_: &mut Operation| {
                copy(&from, &to);
                Ok(Said::Done)
            };
            let copies = async move { queue.apply(0, work).await.map_err(code) };
            asked.insert(at, Box::pin(copies));
        }
        let mut answers = self.runtime.block_on(async {
            sent(&mut barrier).await;
            is_started.recv().expect("it has started");
            for one in &mut asked {
                sent(one).await;
            }
            go.send(()).expect("it waits");
            barrier.await.expect("an answer");
            let mut answers = Vec::new();
            for one in asked {
                answers.push(one.await);
            }
            answers
        });
        match at < calls.len() {
            true => drop(answers.remove(at)),
            false => copy(self.folder(), place),
        }
        answers
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        self.queue = None;
        // A panic of the thread is seen before.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Polls once, which sends what is asked.
async fn sent<T>(asked: &mut Pin<Box<impl Future<Output = T> + ?Sized>>) {
    poll_fn(|context| {
        assert!(
            asked.as_mut().poll(context).is_pending(),
            "it waits for a commit"
        );
        Poll::Ready(())
    })
    .await;
}

fn code(denied: Denied) -> &'static str {
    match denied {
        Denied::Refused(refusal) => match refusal {
            Refusal::Invalid(_) => "invalid",
            Refusal::UnknownTask(_) => "unknown_task",
            Refusal::UnknownMessage(_) => "unknown_message",
            Refusal::LeaseLost(_) => "lease_lost",
            Refusal::AlreadyEnded { .. } => "already_ended",
            Refusal::WrongStatus { .. } => "wrong_status",
            other => panic!("{other}"),
        },
        other => panic!("{other:?}"),
    }
}

fn apply(of: &mut Operation, call: Call, epochs: &[String]) -> Applied<Said> {
    let token = |tok: &Tok| Token {
        epoch: epochs[tok.generation].clone(),
        claim: tok.claim,
    };
    let ms = |left: Duration| left.as_millis() as i64;
    Ok(match call {
        Call::Create(new) => {
            let made = ops::create(of, new_task(new))?;
            Said::Made(made.task.id, made.is_new)
        }
        Call::Claim(asked) => {
            let claimed = ops::claim(
                of,
                Claim {
                    to: asked.to,
                    worker: asked.worker,
                    agent_name: asked.agent,
                    task_types: asked.types,
                    lease_ms: asked.lease,
                    max: asked.max,
                    link: None,
                },
            )?;
            Said::Claimed(claimed.map(|one| (one.task.id, one.token.claim, ms(one.left))))
        }
        Call::Beat(tok, progress, extend) => {
            let beat = ops::beat(of, tok.task, &token(&tok), progress, extend)?;
            Said::Beat(ms(beat.left), beat.is_cancel_asked, beat.unread as usize)
        }
        Call::Complete(tok, result, handoff) => {
            let handoff = handoff.map(|(assigned_to, task_type)| Handoff {
                assigned_to,
                task_type,
                context: None,
                priority: None,
            });
            let done = ops::complete(of, tok.task, &token(&tok), result, handoff)?;
            Said::Completed(done.child.map(|child| child.id))
        }
        Call::Fail(tok, error_type, is_final, retry_in_ms) => {
            let message = None;
            let failure = Failure {
                error_type,
                message,
                is_final,
                retry_in_ms,
            };
            ops::fail(of, tok.task, &token(&tok), failure, CHANCE)?;
            Said::Done
        }
        Call::Release(tok) => {
            ops::release(of, tok.task, &token(&tok), CHANCE)?;
            Said::Done
        }
        Call::Block(tok, to) => {
            let (_, question) = ops::block(of, tok.task, &token(&tok), to, "?".to_owned())?;
            Said::Question(question)
        }
        Call::Log(tok) => {
            let line = Line {
                level: Level::Info,
                message: "x".to_owned(),
                data: None,
            };
            ops::log(of, tok.task, &token(&tok), &[line])?;
            Said::Done
        }
        Call::Send {
            to,
            kind,
            task,
            reply_to,
        } => {
            let kinds = MessageKind::CHOICES.into_iter();
            let kind = { kinds }.find(|(word, _)| *word == kind).expect("a kind").1;
            let (from, content) = ("user".to_owned(), "x".to_owned());
            let metadata = None;
            let sent = ops::send(
                of,
                Written {
                    task,
                    from,
                    to,
                    kind,
                    content,
                    metadata,
                    reply_to,
                },
            )?;
            Said::Sent(sent.id)
        }
        Call::Read(id) => {
            ops::read(of, id)?;
            Said::Done
        }
        Call::Unblock(id) => ops::unblock(of, id, None).map(|_| Said::Done)?,
        Call::Cancel(id, cascades) => ops::cancel(of, id, cascades, None).map(|_| Said::Done)?,
        Call::Retry(id) => ops::retry(of, id, None).map(|_| Said::Done)?,
        Call::Change(id, priority, assigned_to, not_before_ms) => {
            let change = Change {
                priority,
                assigned_to,
                not_before_ms,
            };
            ops::change(of, id, change, None).map(|_| Said::Done)?
        }
    })
}

fn new_task(new: New) -> NewTask {
    NewTask {
        task_type: new.of_type,
        assigned_to: new.to,
        priority: new.priority,
        parent: new.parent,
        needs: new.needs,
        unique_key: new.key,
        not_before_ms: new.not_before,
        max_retries: new.max_retries.map(|most| most as u32),
        lease_ms: new.lease,
        timeout_ms: new.timeout,
        fails_with_needs: new.fails_with_needs,
        ..NewTask::default()
    }
}
