//! A client, by chance: what it asks, and how it is killed.

use std::collections::VecDeque;
use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::checker::{Asked, Op, Said, Status};
use super::{LEASE_S, MAX_RETRIES, status};
use crate::harness::PAUSE;
use crate::harness::wire::{Response, request_control, request_on};

/// A claim that was not answered may happen so much later.
const LATE: Duration = Duration::from_secs(5);
const CONNECT: Duration = Duration::from_secs(5);
/// Tasks and tokens that a client remembers.
const REMEMBERED: usize = 8;

pub struct Shared {
    pub address: Mutex<SocketAddr>,
    pub control: PathBuf,
    pub began: Instant,
    pub is_over: AtomicBool,
    /// By task.
    pub ops: Mutex<Vec<(i64, Op)>>,
    /// Tasks whose creation was answered.
    pub made: Mutex<Vec<i64>>,
}

pub struct Client<'s> {
    shared: &'s Shared,
    number: usize,
    /// How often it came back by another name.
    names: usize,
    random: u64,
    held: Option<Held>,
    /// Also of others.
    known: VecDeque<Held>,
    /// When claims began that were not answered.
    unanswered: Vec<Duration>,
    /// The last claim that it was answered.
    last_claim: i64,
}

#[derive(Clone, Debug)]
struct Held {
    task: i64,
    claim: i64,
    token: String,
    worker: usize,
}

/// What became of a request.
enum Sent {
    Answered(Response),
    /// It may have arrived.
    Cut,
    /// It has not.
    Never,
}

impl<'s> Client<'s> {
    pub fn new(number: usize, shared: &'s Shared) -> Client<'s> {
        Client {
            shared,
            number,
            names: 0,
            random: number as u64,
            held: None,
            known: VecDeque::new(),
            unanswered: Vec::new(),
            last_claim: 0,
        }
    }

    pub fn run(mut self) {
        while !self.shared.is_over.load(Ordering::Relaxed) {
            match self.held.clone() {
                None => self.look_for_work(),
                Some(held) => self.work(held),
            }
        }
    }

    /// Below this (splitmix64).
    fn chance(&mut self, below: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }

    fn worker(&self) -> usize {
        self.number * 1_000_000 + self.names
    }

    fn look_for_work(&mut self) {
        match self.chance(10) {
            0 => self.cancel(),
            1 => self.read(),
            2 => self.write_late(),
            _ => self.claim(),
        }
    }

    fn work(&mut self, held: Held) {
        match self.chance(20) {
            0..=7 => self.complete(&held),
            8..=11 => self.write(Asked::Beat, &held, json!({"progress": 0.5})),
            12..=14 => self.write(Asked::Fail, &held, json!({"retry_in_s": 0})),
            15 | 16 => self.write(Asked::Release, &held, json!({})),
            17 => self.write_late(),
            18 => self.cancel(),
            _ => self.read(),
        }
    }

    /// By a token that it had before.
    fn write_late(&mut self) {
        let Some(held) = self.any_known() else {
            return;
        };
        match self.chance(3) {
            0 => self.complete(&held),
            1 => self.write(Asked::Beat, &held, json!({})),
            _ => self.write(Asked::Fail, &held, json!({"retry_in_s": 0})),
        }
    }

    fn any_known(&mut self) -> Option<Held> {
        let place = self.chance(REMEMBERED as u64) as usize;
        self.known.get(place).cloned()
    }

    /// The same by each token: a completion that comes again is answered again.
    fn complete(&mut self, held: &Held) {
        let body = json!({"result": held.claim});
        self.write(Asked::Complete, held, body);
    }

    fn write(&mut self, asked: Asked, held: &Held, mut body: Value) {
        let what = match asked {
            Asked::Beat => "heartbeat",
            Asked::Complete => "complete",
            Asked::Fail => "fail",
            _ => "release",
        };
        body["token"] = json!(held.token);
        let begin = self.shared.began.elapsed();
        let sent = self.post(&format!("/api/tasks/{}/{what}", held.task), &body);
        let is_own = self
            .held
            .as_ref()
            .is_some_and(|own| own.claim == held.claim);
        let said = match &sent {
            Sent::Never => return,
            Sent::Cut => Said::Unknown,
            Sent::Answered(answer) => said(asked, answer),
        };
        let goes_on = asked == Asked::Beat && said == Said::Ok;
        if is_own && !goes_on && said != Said::Unknown {
            self.held = None;
        }
        self.record(asked, said, held.task, (held.claim, held.worker), begin);
        self.killed(&sent, false);
    }

    fn claim(&mut self) {
        let worker = format!("w{}", self.worker());
        let begin = self.shared.began.elapsed();
        let sent = self.post("/api/tasks/claim", &json!({"role": "qa", "worker": worker}));
        self.killed(&sent, true);
        let Sent::Answered(answer) = sent else {
            if let Sent::Cut = sent {
                self.unanswered.push(begin);
            }
            return;
        };
        if answer.status == 503 {
            return self.unanswered.push(begin);
        }
        let first = self.unanswered.iter().copied().chain([begin]).min();
        let first = first.expect("one at least");
        self.unanswered.retain(|at| *at + LATE > begin);
        if answer.status == 204 {
            (0..2).for_each(|_| self.create());
            return;
        }
        let claimed = answer.json();
        let token = claimed["lease"]["token"]
            .as_str()
            .expect("a token")
            .to_owned();
        let (_, claim) = token.split_once('-').expect("a token");
        let held = Held {
            task: claimed["task"]["id"].as_i64().expect("a number"),
            claim: claim.parse().expect("a number"),
            token,
            worker: self.worker(),
        };
        let retries = claimed["task"]["retry_count"].as_u64().expect("a number") as u32;
        let said = Said::Done(Status::Running, retries);
        // It may have been taken by a claim before, whose answer was lost.
        let is_known = self.last_claim == held.claim;
        let begin = if is_known { begin } else { first };
        self.last_claim = held.claim;
        self.record(
            Asked::Claim,
            said,
            held.task,
            (held.claim, held.worker),
            begin,
        );
        self.known.push_front(held.clone());
        self.known.truncate(REMEMBERED);
        self.held = Some(held);
    }

    fn create(&mut self) {
        let body = json!({"task_type": "x", "assigned_to": "qa", "lease_s": LEASE_S,
            "max_retries": MAX_RETRIES});
        if let Sent::Answered(answer) = self.post("/api/tasks", &body)
            && answer.status == 201
        {
            let id = answer.json()["task"]["id"].as_i64().expect("a number");
            self.shared.made.lock().expect("no panic").push(id);
        }
    }

    fn cancel(&mut self) {
        let Some(known) = self.any_known() else {
            return;
        };
        let begin = self.shared.began.elapsed();
        let path = format!("/api/tasks/{}/cancel", known.task);
        let answer = request_control(&self.shared.control, "POST", &path, &[], b"{}");
        let said = answer.map_or(Said::Unknown, |answer| said(Asked::Cancel, &answer));
        self.record(Asked::Cancel, said, known.task, (0, 0), begin);
    }

    fn read(&mut self) {
        let Some(known) = self.any_known() else {
            return;
        };
        let begin = self.shared.began.elapsed();
        let path = format!("/api/tasks/{}", known.task);
        let Ok(stream) = self.connect() else { return };
        if let Ok(answer) = request_on(stream, "GET", &path, &[], b"")
            && answer.status == 200
        {
            let said = stands(&answer.json()["task"]);
            self.record(Asked::Read, said, known.task, (0, 0), begin);
        }
    }

    fn connect(&self) -> std::io::Result<TcpStream> {
        let address = *self.shared.address.lock().expect("no panic");
        TcpStream::connect_timeout(&address, CONNECT)
    }

    /// One of twenty is killed after it has asked.
    fn post(&mut self, path: &str, body: &Value) -> Sent {
        let Ok(mut stream) = self.connect() else {
            thread::park_timeout(PAUSE);
            return Sent::Never;
        };
        let body = body.to_string();
        if self.chance(20) == 0 {
            let bytes = body.len();
            let host = stream
                .peer_addr()
                .map(|to| to.to_string())
                .unwrap_or_default();
            let head =
                format!("POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {bytes}\r\n\r\n");
            let _ = stream.write_all((head + &body).as_bytes());
            let _ = stream.shutdown(Shutdown::Both);
            return Sent::Cut;
        }
        match request_on(stream, "POST", path, &[], body.as_bytes()) {
            Ok(answer) => Sent::Answered(answer),
            Err(_) => Sent::Cut,
        }
    }

    /// It comes back, sometimes by another name: then nobody comes for what it held. Not where a
    /// claim is open: what that took would be seen by nobody.
    fn killed(&mut self, sent: &Sent, is_claim: bool) {
        if !matches!(sent, Sent::Cut) {
            return;
        }
        self.held = None;
        if !is_claim && self.unanswered.is_empty() && self.chance(3) == 0 {
            self.names += 1;
        }
    }

    fn record(
        &self,
        asked: Asked,
        said: Said,
        task: i64,
        (claim, worker): (i64, usize),
        begin: Duration,
    ) {
        let end = self.shared.began.elapsed();
        let op = Op {
            asked,
            said,
            claim,
            worker,
            begin: begin.as_micros() as u64,
            end: end.as_micros() as u64,
        };
        self.shared.ops.lock().expect("no panic").push((task, op));
    }
}

fn stands(task: &Value) -> Said {
    let word = task["status"].as_str().expect("a status");
    let retries = task["retry_count"].as_u64().expect("a number") as u32;
    Said::Done(status(word), retries)
}

fn said(asked: Asked, answer: &Response) -> Said {
    let json = answer.json();
    match (answer.status, json["error"]["code"].as_str()) {
        (200, _) if asked == Asked::Beat => Said::Ok,
        (200, _) if asked == Asked::Complete => stands(&json["task"]),
        (200, _) => stands(&json),
        (409, Some("lease_lost")) => Said::LeaseLost,
        (409, Some("already_ended")) => Said::AlreadyEnded,
        (503, _) => Said::Unknown,
        (status, _) => panic!("{status}: {json}"),
    }
}
