//! What happens: by numbers that proptest chooses and shrinks, and what they mean at the moment.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::call::{Asked, Call, New, Tok};
use crate::naive::{Model, Task};

#[derive(Clone, Copy, Debug)]
pub enum What {
    Create,
    Claim,
    Beat,
    Complete,
    Fail,
    Release,
    Block,
    Answer,
    Log,
    Send,
    Read,
    Unblock,
    Cancel,
    Retry,
    Change,
}

pub type Raw = (What, [u8; 8]);

#[derive(Clone, Debug)]
pub enum Step {
    Call(Raw),
    /// Milliseconds, on both clocks.
    Pass(i64),
    /// To the end of the lease that ends first, or to just before it.
    ToEnd(bool),
    /// The clock is set, and no time passes.
    Set(i64),
    /// The daemon ends and begins again.
    Again,
    /// Several in one commit, and a kill: before the call of this number, or after all.
    Kill(Vec<Raw>, usize),
    Backup,
    Restore,
}

const ROLES: [&str; 2] = ["qa", "developer"];
const AGENT: &str = "tester";
const TYPES: [&str; 2] = ["fix", "verify"];
const DAY_MS: i64 = 86_400_000;
const TIMES_MS: [i64; 7] = [1, 1_000, 9_999, 10_000, 30_000, 60_000, 900_000];
/// By how much a clock is set.
const SET_MS: [i64; 3] = [-DAY_MS, DAY_MS, -1_000];
const WORKERS: u8 = 8;

fn raw() -> impl Strategy<Value = Raw> {
    let what = prop_oneof![
        6 => Just(What::Create),
        9 => Just(What::Claim),
        3 => Just(What::Beat),
        4 => Just(What::Complete),
        4 => Just(What::Fail),
        3 => Just(What::Release),
        3 => Just(What::Block),
        2 => Just(What::Answer),
        1 => Just(What::Log),
        1 => Just(What::Send),
        1 => Just(What::Read),
        1 => Just(What::Unblock),
        1 => Just(What::Cancel),
        2 => Just(What::Retry),
        1 => Just(What::Change),
    ];
    (what, any::<[u8; 8]>())
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        48 => raw().prop_map(Step::Call),
        2 => select(&TIMES_MS[..]).prop_map(Step::Pass),
        2 => any::<bool>().prop_map(Step::ToEnd),
        1 => select(&SET_MS[..]).prop_map(Step::Set),
        1 => Just(Step::Again),
        3 => (vec(raw(), 1..6), 0..7_usize).prop_map(|(raws, at)| Step::Kill(raws, at)),
        1 => Just(Step::Backup),
        1 => Just(Step::Restore),
    ]
}

pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    vec(step(), 1..120)
}

/// Three of four times one of those that fit, if there are any, else any: also one that is not
/// there.
fn pick(n: u8, fits: &[i64], count: usize) -> i64 {
    let (n, choice) = (usize::from(n), usize::from(n) / 4);
    match n % 4 != 3 && !fits.is_empty() {
        true => fits[choice % fits.len()],
        false => (choice % (count + 1)) as i64 + 1,
    }
}

fn maybe<T: Copy>(n: u8, choices: &[T]) -> Option<T> {
    choices.get(usize::from(n) % (choices.len() * 2)).copied()
}

fn name(n: u8) -> String {
    let names = [ROLES[0], ROLES[1], AGENT, ROLES[0]];
    names[usize::from(n) % 4].to_owned()
}

fn type_name(n: u8) -> String {
    TYPES[usize::from(n) % 2].to_owned()
}

/// What a raw call means now. `toks` are the tokens that clients have.
pub fn meant((what, n): &Raw, model: &Model, toks: &[Tok]) -> Call {
    let count = model.tasks.len();
    let of = |fits: &dyn Fn(&&Task) -> bool| -> Vec<i64> {
        let fitting = model.tasks.values().filter(fits);
        fitting.map(|task| task.id).collect()
    };
    let task = |status: &str| pick(n[0], &of(&|task: &&Task| task.status == status), count);
    let tok = || {
        let is_live = |tok: &&Tok| {
            let task = model.tasks.get(&tok.task);
            let is_last = task.is_some_and(|task| task.claim == Some(tok.claim));
            tok.generation == model.generation
                && is_last
                && task.is_some_and(|task| task.status == "running")
        };
        let live: Vec<&Tok> = toks.iter().filter(is_live).collect();
        let all: Vec<&Tok> = toks.iter().collect();
        let from = if n[0] % 4 != 3 && !live.is_empty() {
            live
        } else {
            all
        };
        let first = Tok {
            generation: model.generation,
            task: 1,
            claim: 1,
        };
        let chosen = from.get(usize::from(n[0] / 4) % from.len().max(1));
        let mut tok = chosen.map_or(first, |tok| (*tok).clone());
        if n[7].is_multiple_of(32) {
            tok.task = pick(n[7] / 32, &[], count);
        }
        tok
    };
    match what {
        What::Create => Call::Create(New {
            to: name(n[0]),
            of_type: type_name(n[1]),
            priority: n[2] % 10 + 1,
            parent: (n[3] % 3 == 0 && count > 0).then(|| pick(n[3], &[], count - 1)),
            needs: match n[4] % 8 {
                5 | 6 if count > 0 => vec![pick(n[5], &[], count - 1)],
                7 if count > 0 => vec![pick(n[5], &[], count - 1), pick(n[6], &[], count)],
                _ => Vec::new(),
            },
            key: (n[5] % 6 == 0).then(|| type_name(n[2])),
            not_before: (n[6] % 8 == 0).then_some(model.wall + 60_000),
            max_retries: maybe(n[6], &[0, 1, 2]),
            lease: maybe(n[7], &[10_000, 60_000]),
            timeout: maybe(n[7] / 4, &[60_000, 600_000]),
            fails_with_needs: n[7] % 2 == 0,
        }),
        What::Claim => Call::Claim(Asked {
            to: match n[0] % 4 {
                0 => vec![AGENT.to_owned(), name(n[1])],
                1 => vec![name(n[1])],
                _ => [ROLES[0], ROLES[1], AGENT].map(str::to_owned).to_vec(),
            },
            worker: format!("w{}", n[2] % WORKERS),
            agent: maybe(n[3], &[AGENT]).map(str::to_owned),
            types: (n[4] % 4 == 0)
                .then(|| type_name(n[1]))
                .into_iter()
                .collect(),
            lease: maybe(n[5], &[10_000, 3_600_000]),
            max: usize::from(n[6] % 3).max(1),
        }),
        What::Beat => {
            let progress = maybe(n[1], &[0.25, 0.5]);
            Call::Beat(tok(), progress, maybe(n[2], &[10_000, 3_600_000]))
        }
        What::Complete => {
            let handoff = (n[2] % 3 == 0).then(|| (name(n[3]), type_name(n[4])));
            Call::Complete(tok(), maybe(n[1], &["1", "2"]).map(str::to_owned), handoff)
        }
        What::Fail => {
            let error = maybe(n[1], &["tests", "released"]).map(str::to_owned);
            Call::Fail(tok(), error, n[2] % 4 == 0, maybe(n[3], &[0, 5_000]))
        }
        What::Release => Call::Release(tok()),
        What::Block => Call::Block(tok(), name(n[1])),
        What::Log => Call::Log(tok()),
        What::Answer => {
            let questions = model
                .messages
                .iter()
                .filter(|(_, one)| one.kind == "question");
            let questions: Vec<i64> = questions.map(|(id, _)| *id).collect();
            let reply_to = Some(pick(n[0], &questions, model.messages.len()));
            Call::Send {
                to: name(n[1]),
                kind: "answer",
                task: None,
                reply_to,
            }
        }
        What::Send => {
            let kinds = ["question", "notification", "answer", "handoff"];
            let task = (n[2] % 2 == 0).then(|| task("blocked"));
            let kind = kinds[usize::from(n[1]) % 4];
            let reply_to = maybe(n[3], &[1]);
            Call::Send {
                to: name(n[4]),
                kind,
                task,
                reply_to,
            }
        }
        What::Read => {
            let all: Vec<i64> = model.messages.keys().copied().collect();
            Call::Read(pick(n[0], &all, all.len()))
        }
        What::Unblock => Call::Unblock(task("blocked")),
        What::Cancel => {
            let open = of(&|task: &&Task| task.ended.is_none());
            Call::Cancel(pick(n[0], &open, count), n[1] % 2 == 0)
        }
        What::Retry => Call::Retry(task("failed")),
        What::Change => {
            let to = maybe(n[2], &ROLES).map(str::to_owned);
            let not_before = maybe(n[3], &[0, model.wall + 30_000]);
            Call::Change(task("pending"), maybe(n[1], &[1, 10]), to, not_before)
        }
    }
}
