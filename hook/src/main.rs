//! Hands one payload of a coding agent's hook to the daemon, and never disturbs the agent.
//!
//! `agentpulse-hook claude-code` reads a payload from standard input, keeps the few fields that the
//! daemon needs, and sends them as one line to the daemon's socket. Without an acknowledgement in
//! time the same line, under the same id, goes to the spool folder, so that the daemon can
//! recognize it as one event. It prints nothing and exits 0 whatever happens: an agent's client
//! feeds a hook's output to the model and takes an exit code for a veto.

#![cfg_attr(not(test), no_main)]
#![allow(
    unsafe_code,
    reason = "std has no poll, no connect that does not wait, and no start without its runtime"
)]

mod deliver;
mod fields;
mod input;
mod line;
mod place;
mod project;
mod scan;
mod spool;
mod unix;
mod value;
mod writer;

use std::ffi::{CStr, c_char, c_int};
use std::time::{Duration, Instant, SystemTime};
use std::{env, panic, process};

use crate::line::Line;
use crate::place::Places;

/// Until when standard input is read. It leaves time to write the spool file before `TOTAL_WAIT`.
const READ_WAIT: Duration = Duration::from_millis(45);

/// Until when the hook waits for the daemon's answer: the agent waits for as long.
const TOTAL_WAIT: Duration = Duration::from_millis(50);

/// A source is a short word. The daemon decides which ones are valid.
const SOURCE_MAX_BYTES: usize = 64;

/// The C runtime calls this. The standard library's own entry would read the process's memory map,
/// and make a stack for the handler of an overflow: 20 calls of the system, a tenth of the run.
#[cfg_attr(not(test), unsafe(no_mangle))]
extern "C" fn main(count: c_int, arguments: *const *const c_char) -> c_int {
    // Runs before an unwind or an abort, so that a panic is as silent as all else.
    panic::set_hook(Box::new(|_| process::exit(0)));
    let started = Instant::now();
    let observed_at = SystemTime::now();
    unix::ignore_broken_pipes();
    if count > 1 {
        // SAFETY: `arguments` holds `count` pointers to strings that live as long as the process.
        let source = unsafe { CStr::from_ptr(*arguments.add(1)) };
        if let Some(source) = source.to_str().ok().filter(|name| is_source(name)) {
            hand_over(source, started, observed_at);
        }
    }
    0
}

fn hand_over(source: &str, started: Instant, observed_at: SystemTime) {
    let input = input::read(&mut *unix::standard_input(), started + READ_WAIT);
    let line = Line::new(source, observed_at, &input);
    let places = Places::find(|name| env::var_os(name), env::home_dir);
    // Input that did not end in time has used up the wait for an answer as well.
    let delivered = input.ended
        && places.socket.as_deref().is_some_and(|socket| {
            deliver::deliver(socket, &line.text, started + TOTAL_WAIT).is_ok()
        });
    if !delivered {
        spool::keep(&places.spools(), &line, places.spool_max_bytes);
    }
}

/// An option is no source: a person who asks for help is not a hook.
fn is_source(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=SOURCE_MAX_BYTES).contains(&name.len())
        && !name.starts_with('-')
        && name.bytes().all(allowed)
}
