//! Sessions at random: what the turns of a main thread and its agents report and write, and what
//! becomes of that on its way.
//!
//! Prompts and ends of a session are at least a second apart: in which order two of one moment came
//! no line says. An agent that has a transcript runs once: which lines are of which turn is a
//! matter of `tests/claude_code/transcripts.rs`. Its stop may be long after its last line.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

/// Milliseconds from the beginning of the session.
pub type Ms = i64;

/// What one hook reports. Prompts and agents are known by their numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum What {
    Prompt(usize),
    Stop(usize),
    Failure(usize, &'static str),
    /// The reason of the end, or `resume` for a session that another client takes up.
    SessionEnd(&'static str),
    AgentStart {
        agent: usize,
        prompt: usize,
    },
    AgentStop(usize),
    AgentFailure(usize, &'static str),
}

/// How the line of a hook arrives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Way {
    Lost,
    Socket,
    Twice,
    Spool,
}

#[derive(Clone, Debug)]
pub struct Hook {
    pub at: Ms,
    pub what: What,
    pub way: Way,
    /// Lines arrive by this.
    pub order: u32,
}

#[derive(Clone, Copy, Debug)]
pub enum Said {
    Prompt(usize),
    Answer {
        input: u64,
        output: u64,
        is_last: bool,
    },
    /// The API failed.
    Refused,
    Interrupt,
}

/// Its lines, each with its time.
pub type Transcript = Vec<(Ms, Said)>;

#[derive(Clone, Debug)]
pub struct Session {
    pub prompts: usize,
    pub hooks: Vec<Hook>,
    pub main: Option<Transcript>,
    /// How many lines of it are written after the hooks have come; none if the session is old.
    pub late: Option<usize>,
    pub agents: Vec<Option<Transcript>>,
}

impl Session {
    /// What the daemon knows, however it came.
    pub fn reported(&self) -> impl Iterator<Item = (Ms, What)> {
        let hooks = self.hooks.iter().filter(|hook| hook.way != Way::Lost);
        hooks.map(|hook| (hook.at, hook.what))
    }
}

/// What stands at the end of a turn's lines.
#[derive(Clone, Copy, Debug)]
enum Last {
    Answer,
    Unfinished,
    Refused,
    Interrupt,
}

/// What a turn says and uses, a line a half second.
#[derive(Clone, Debug)]
struct Work {
    answers: Vec<(u64, u64)>,
    last: Last,
}

#[derive(Clone, Copy, Debug)]
enum Ending {
    Stop,
    /// A stop hook sent it on.
    StopTwice,
    StopThenFailure,
    Failure,
    /// Its client was killed.
    Missing,
}

#[derive(Clone, Debug)]
struct AgentPlan {
    starts_after: Ms,
    length: Ms,
    ending: Ending,
    transcript: Option<Work>,
    /// Of its stop after its last line.
    lag: Ms,
    /// It runs once more; without a transcript only.
    again: bool,
}

#[derive(Clone, Debug)]
struct TurnPlan {
    pause: Ms,
    work: Work,
    ending: Ending,
    /// The next prompt comes before the stop.
    is_queued: bool,
    agents: Vec<AgentPlan>,
    session_ends: Option<&'static str>,
}

pub fn session() -> impl Strategy<Value = Session> {
    let way = prop_oneof![
        2 => Just((Way::Lost, false)),
        8 => Just((Way::Socket, false)),
        1 => Just((Way::Twice, false)),
        1 => Just((Way::Spool, false)),
        1 => Just((Way::Socket, true)),
    ];
    (
        vec(turn(), 1..=3),
        any::<bool>(),
        option::weighted(0.3, 0..4_usize),
        vec((way, any::<u32>()), 24),
    )
        .prop_map(|(turns, has_transcript, late, ways)| {
            assemble(&turns, has_transcript, late, &ways)
        })
}

fn turn() -> impl Strategy<Value = TurnPlan> {
    (
        1..3_i64,
        work(),
        ending(),
        any::<bool>(),
        vec(agent(), 0..=2),
        option::weighted(0.3, select(vec!["other", "clear", "resume"])),
    )
        .prop_map(
            |(pause_s, work, ending, is_queued, agents, session_ends)| TurnPlan {
                pause: pause_s * 1_000,
                work,
                ending,
                is_queued,
                agents,
                session_ends,
            },
        )
}

fn agent() -> impl Strategy<Value = AgentPlan> {
    let transcript = (
        option::of(work()),
        select(vec![0, 0, 4_900, 8_000, 600_000]),
    );
    (0..3_i64, 2..8_i64, ending(), transcript, any::<bool>()).prop_map(
        |(starts_after_s, length_s, ending, (transcript, lag), again)| AgentPlan {
            starts_after: starts_after_s * 1_000,
            length: length_s * 1_000,
            ending,
            again: again && transcript.is_none(),
            transcript,
            lag,
        },
    )
}

fn work() -> impl Strategy<Value = Work> {
    let last = prop_oneof![
        4 => Just(Last::Answer),
        1 => Just(Last::Unfinished),
        1 => Just(Last::Refused),
        1 => Just(Last::Interrupt),
    ];
    (vec((1..900_u64, 1..900_u64), 1..=3), last).prop_map(|(answers, last)| Work { answers, last })
}

fn ending() -> impl Strategy<Value = Ending> {
    prop_oneof![
        4 => Just(Ending::Stop),
        1 => Just(Ending::StopTwice),
        1 => Just(Ending::StopThenFailure),
        1 => Just(Ending::Failure),
        2 => Just(Ending::Missing),
    ]
}

fn assemble(
    turns: &[TurnPlan],
    has_transcript: bool,
    late: Option<usize>,
    ways: &[((Way, bool), u32)],
) -> Session {
    let mut reports: Vec<(Ms, What)> = Vec::new();
    let (mut lines, mut agents) = (Vec::new(), Vec::new());
    let mut now = 0;
    for (prompt, turn) in turns.iter().enumerate() {
        now += turn.pause;
        reports.push((now, What::Prompt(prompt)));
        let said = turn.work.lines(prompt, now);
        let length = turn.work.length();
        lines.extend(said);
        for plan in &turn.agents {
            // Of a session that goes on nothing is stamped ahead of the clock.
            let max_lag = late.map_or(Ms::MAX, |_| 8_000);
            plan.report(agents.len(), prompt, now, max_lag, &mut reports);
            let began = now + plan.starts_after;
            let lines = |work: &Work| work.lines(prompt, began);
            agents.push(plan.transcript.as_ref().map(lines));
        }
        let stops = turn
            .ending
            .stops(prompt, now + length, What::Stop, What::Failure);
        reports.extend(stops);
        // The client takes a prompt while it works.
        now += if turn.is_queued {
            1_000
        } else {
            length + 2_000
        };
        if let Some(reason) = turn.session_ends {
            reports.push((now, What::SessionEnd(reason)));
            now += 1_000;
        }
    }
    let mut ways = ways.iter().cycle();
    let mut hooks = Vec::new();
    let mut report = |at, what| {
        let &((way, is_double), order) = ways.next().expect("a cycle");
        hooks.push(Hook {
            at,
            what,
            way,
            order,
        });
        is_double
    };
    for (at, what) in reports {
        // Its hook is installed twice: another line, a little later.
        if report(at, what) {
            report(at + 200, what);
        }
    }
    Session {
        prompts: turns.len(),
        hooks,
        main: has_transcript.then_some(lines),
        late,
        agents,
    }
}

impl AgentPlan {
    fn report(
        &self,
        agent: usize,
        prompt: usize,
        now: Ms,
        max_lag: Ms,
        reports: &mut Vec<(Ms, What)>,
    ) {
        let mut began = now + self.starts_after;
        for _ in 0..=usize::from(self.again) {
            let written = self.transcript.as_ref().map(Work::length);
            let written = written.map(|length| length + self.lag.min(max_lag));
            let ended = began + written.unwrap_or(self.length);
            reports.push((began, What::AgentStart { agent, prompt }));
            let stops = self
                .ending
                .stops(agent, ended, What::AgentStop, What::AgentFailure);
            reports.extend(stops);
            began = ended + 5_000;
        }
    }
}

impl Ending {
    fn stops(
        self,
        of: usize,
        at: Ms,
        stop: fn(usize) -> What,
        failure: fn(usize, &'static str) -> What,
    ) -> Vec<(Ms, What)> {
        match self {
            Ending::Stop => vec![(at, stop(of))],
            Ending::StopTwice => vec![(at, stop(of)), (at + 1_500, stop(of))],
            Ending::StopThenFailure => {
                vec![(at, stop(of)), (at + 1_500, failure(of, "server_error"))]
            }
            Ending::Failure => vec![(at, failure(of, "rate_limit"))],
            Ending::Missing => Vec::new(),
        }
    }
}

impl Work {
    fn length(&self) -> Ms {
        500 * self.lines(0, 0).len() as Ms + 100
    }

    fn lines(&self, prompt: usize, began: Ms) -> Transcript {
        let mut said = vec![Said::Prompt(prompt)];
        let count = self.answers.len();
        for (i, &(input, output)) in self.answers.iter().enumerate() {
            let is_last = i + 1 == count && matches!(self.last, Last::Answer);
            said.push(Said::Answer {
                input,
                output,
                is_last,
            });
        }
        match self.last {
            Last::Refused => said.push(Said::Refused),
            Last::Interrupt => said.push(Said::Interrupt),
            Last::Answer | Last::Unfinished => {}
        }
        let timed = said.into_iter().enumerate();
        timed
            .map(|(i, said)| (began + 500 * i as Ms, said))
            .collect()
    }
}
