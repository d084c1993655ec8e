//! Whether what the clients of one task were answered can have happened one after the other: each
//! operation at one moment between its request and its answer (linearizability, by brute force with
//! what was tried before remembered). One without an answer may have happened at any moment after
//! its request, or never.

use std::collections::HashSet;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    Pending,
    Running,
    Completed,
    Failed,
    Cancelled,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    Claim,
    Beat,
    Complete,
    Fail,
    Release,
    Cancel,
    Read,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// Where the task stands, and how many attempts have failed.
    Done(Status, u32),
    /// Without that.
    Ok,
    LeaseLost,
    AlreadyEnded,
    /// No answer came.
    Unknown,
}

#[derive(Clone, Debug)]
pub struct Op {
    pub asked: Asked,
    pub said: Said,
    /// The claim of the token; 0: without one.
    pub claim: i64,
    pub worker: usize,
    /// Microseconds since the start.
    pub begin: u64,
    pub end: u64,
}

/// How the task was made.
#[derive(Clone, Copy, Debug)]
pub struct Made {
    pub max_retries: u32,
    pub lease_us: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct State {
    status: Status,
    claim: i64,
    worker: usize,
    retries: u32,
    released: u32,
    is_cancel_asked: bool,
    /// The lease does not end before.
    holds_until: u64,
}

impl State {
    const NEW: State = State {
        status: Status::Pending,
        claim: 0,
        worker: 0,
        retries: 0,
        released: 0,
        is_cancel_asked: false,
        holds_until: 0,
    };

    fn is_held_by(&self, claim: i64) -> bool {
        self.status == Status::Running && self.claim == claim
    }

    fn is_ended(&self) -> bool {
        !matches!(self.status, Status::Pending | Status::Running)
    }

    fn failed(mut self, made: Made) -> State {
        self.released = 0;
        self.status = match () {
            () if self.is_cancel_asked => Status::Cancelled,
            () if self.retries >= made.max_retries => Status::Failed,
            () => Status::Pending,
        };
        self.retries += u32::from(self.status == Status::Pending);
        self
    }

    fn given_back(mut self, made: Made) -> State {
        self.released += 1;
        if self.released >= 3 {
            return self.failed(made);
        }
        self.status = match self.is_cancel_asked {
            true => Status::Cancelled,
            false => Status::Pending,
        };
        self
    }

    /// What an operation does that is allowed.
    fn done(self, op: &Op, made: Made) -> Option<State> {
        let renewed = State {
            holds_until: self.holds_until.max(op.begin + made.lease_us),
            ..self
        };
        let is_held = self.is_held_by(op.claim);
        match op.asked {
            Asked::Claim if self.status == Status::Pending && op.claim > self.claim => {
                Some(State {
                    status: Status::Running,
                    claim: op.claim,
                    worker: op.worker,
                    holds_until: op.begin + made.lease_us,
                    ..self
                })
            }
            // One that holds it is given it again.
            Asked::Claim => (is_held && self.worker == op.worker).then_some(renewed),
            Asked::Beat => is_held.then_some(renewed),
            Asked::Complete => {
                let is_late = self.status == Status::Pending && self.claim == op.claim;
                let is_again = self.status == Status::Completed && self.claim == op.claim;
                let status = Status::Completed;
                (is_held || is_late || is_again).then_some(State { status, ..self })
            }
            Asked::Fail => is_held.then(|| self.failed(made)),
            Asked::Release => is_held.then(|| self.given_back(made)),
            Asked::Cancel if self.status == Status::Running => Some(State {
                is_cancel_asked: true,
                ..self
            }),
            Asked::Cancel => (!self.is_ended()).then_some(State {
                status: Status::Cancelled,
                ..self
            }),
            Asked::Read => Some(self),
        }
    }

    /// After an operation that was answered so; None: it cannot have been.
    fn after(self, op: &Op, made: Made) -> Option<State> {
        let next = self.done(op, made);
        match op.said {
            Said::Unknown | Said::Ok => next,
            Said::Done(status, retries) => {
                next.filter(|next| (next.status, next.retries) == (status, retries))
            }
            Said::AlreadyEnded => (next.is_none() && self.is_ended()).then_some(self),
            Said::LeaseLost => (next.is_none() && !self.is_ended()).then_some(self),
        }
    }

    /// As it is, and if its lease may have ended by then also without its worker.
    fn by(self, time: u64, made: Made) -> impl Iterator<Item = State> {
        let may_be_lost = self.status == Status::Running && time >= self.holds_until;
        let lost = may_be_lost.then(|| self.failed(made));
        [Some(self), lost].into_iter().flatten()
    }
}

/// At most 128 operations of one task.
pub fn is_linearizable(ops: &[Op], made: Made) -> bool {
    assert!(ops.len() <= 128, "{} operations of one task", ops.len());
    let mut seen = HashSet::new();
    let mut open = vec![(0_u128, State::NEW)];
    let answered = ops.iter().enumerate();
    let answered = answered.filter(|(_, op)| op.said != Said::Unknown);
    let all = answered.fold(0_u128, |all, (n, _)| all | 1 << n);
    while let Some((done, state)) = open.pop() {
        if done & all == all {
            return true;
        }
        if !seen.insert((done, state)) {
            continue;
        }
        let left = || ops.iter().enumerate().filter(|(n, _)| done >> n & 1 == 0);
        // No operation comes after one that began when it had been answered.
        let answered = left().filter(|(_, op)| op.said != Said::Unknown);
        let first_end = answered.map(|(_, op)| op.end).min().unwrap_or(u64::MAX);
        for (n, op) in left().filter(|(_, op)| op.begin <= first_end) {
            for state in state.by(first_end, made) {
                open.extend(state.after(op, made).map(|next| (done | 1 << n, next)));
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const MADE: Made = Made {
        max_retries: 1,
        lease_us: 1_000,
    };

    fn op(asked: Asked, claim: i64, said: Said, times: (u64, u64)) -> Op {
        Op {
            asked,
            said,
            claim,
            worker: claim as usize,
            begin: times.0,
            end: times.1,
        }
    }

    const HELD: Said = Said::Done(Status::Running, 0);
    const DONE: Said = Said::Done(Status::Completed, 0);

    fn claimed(claim: i64, begin: u64) -> Op {
        op(Asked::Claim, claim, HELD, (begin, begin + 10))
    }

    #[track_caller]
    fn right(ops: &[Op]) {
        assert!(is_linearizable(ops, MADE), "{ops:#?}");
    }

    #[track_caller]
    fn wrong(ops: &[Op]) {
        assert!(!is_linearizable(ops, MADE), "{ops:#?}");
    }

    #[test]
    fn a_task_is_worked_on_by_one_after_the_other() {
        let failed = Said::Done(Status::Pending, 1);
        let again = Said::Done(Status::Running, 1);
        right(&[
            claimed(1, 0),
            op(Asked::Claim, 1, HELD, (20, 30)),
            op(Asked::Beat, 1, HELD, (40, 50)),
            op(Asked::Fail, 1, failed, (60, 70)),
            op(Asked::Claim, 2, again, (65, 75)),
            op(Asked::Beat, 1, Said::LeaseLost, (80, 90)),
            op(
                Asked::Complete,
                2,
                Said::Done(Status::Completed, 1),
                (100, 110),
            ),
            op(
                Asked::Complete,
                2,
                Said::Done(Status::Completed, 1),
                (120, 130),
            ),
            op(Asked::Fail, 1, Said::AlreadyEnded, (140, 150)),
        ]);
    }

    #[test]
    fn a_claim_of_a_held_task_is_wrong() {
        wrong(&[claimed(1, 0), claimed(2, 20)]);
        let ops = [
            claimed(1, 0),
            op(Asked::Release, 1, Said::Unknown, (15, 16)),
            claimed(2, 20),
        ];
        right(&ops);
    }

    #[test]
    fn two_completions_are_wrong() {
        let lost = op(
            Asked::Claim,
            2,
            Said::Done(Status::Running, 1),
            (2_000, 2_010),
        );
        let first = op(Asked::Complete, 1, DONE, (20, 30));
        wrong(&[claimed(1, 0), first.clone(), lost.clone()]);
        let second = op(
            Asked::Complete,
            2,
            Said::Done(Status::Completed, 1),
            (2_020, 2_030),
        );
        let late = op(
            Asked::Complete,
            1,
            Said::Done(Status::Completed, 1),
            (2_015, 2_040),
        );
        wrong(&[claimed(1, 0), lost.clone(), late, second.clone()]);
        right(&[claimed(1, 0), lost, second]);
    }

    #[test]
    fn a_stale_token_that_is_accepted_is_wrong() {
        let next = op(
            Asked::Claim,
            2,
            Said::Done(Status::Running, 1),
            (2_000, 2_010),
        );
        let stale = |said| op(Asked::Beat, 1, said, (2_020, 2_030));
        wrong(&[
            claimed(1, 0),
            next.clone(),
            stale(Said::Done(Status::Running, 1)),
        ]);
        right(&[claimed(1, 0), next, stale(Said::LeaseLost)]);
    }

    #[test]
    fn a_lease_that_ends_too_early_is_wrong() {
        let read = |at| {
            op(
                Asked::Read,
                0,
                Said::Done(Status::Pending, 1),
                (at, at + 10),
            )
        };
        wrong(&[claimed(1, 0), read(500)]);
        right(&[claimed(1, 0), read(1_500)]);
        let beat = op(Asked::Beat, 1, HELD, (900, 910));
        wrong(&[claimed(1, 0), beat, read(1_500)]);
    }

    #[test]
    fn what_was_acknowledged_and_is_gone_is_wrong() {
        let read = |status| op(Asked::Read, 0, Said::Done(status, 0), (40, 50));
        let complete = |said| op(Asked::Complete, 1, said, (20, 30));
        wrong(&[claimed(1, 0), complete(DONE), read(Status::Running)]);
        for status in [Status::Running, Status::Completed] {
            right(&[claimed(1, 0), complete(Said::Unknown), read(status)]);
        }
        let seen = [read(Status::Completed), op(Asked::Beat, 1, HELD, (60, 70))];
        wrong(&[[claimed(1, 0), complete(Said::Unknown)], seen].concat());
    }

    #[test]
    fn one_that_was_to_be_given_up_does_not_wait_again() {
        let cancel = op(Asked::Cancel, 0, HELD, (20, 30));
        let release = |status| op(Asked::Release, 1, Said::Done(status, 0), (40, 50));
        right(&[claimed(1, 0), cancel.clone(), release(Status::Cancelled)]);
        wrong(&[claimed(1, 0), cancel, release(Status::Pending)]);
    }

    #[test]
    fn one_that_failed_too_often_is_wrong() {
        let fail = |claim, said, at| op(Asked::Fail, claim, said, (at, at + 10));
        let first = fail(1, Said::Done(Status::Pending, 1), 20);
        let next = op(Asked::Claim, 2, Said::Done(Status::Running, 1), (40, 50));
        let all = |status, retries| {
            let last = fail(2, Said::Done(status, retries), 60);
            [claimed(1, 0), first.clone(), next.clone(), last]
        };
        wrong(&all(Status::Pending, 2));
        right(&all(Status::Failed, 1));
    }
}
