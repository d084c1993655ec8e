//! What hooks wait for while all definitions are edited: beside as many edits of files that nobody
//! watches, which cost the machine as much.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::definitions::{PART, fill};
use super::load::Load;
use super::result::{Row, percentile_ms, row};
use super::single::{open, send};
use super::subject::Subject;
use crate::cli::failure::{Failure, io_failed};

/// By turns: on a shared machine one round of each says little.
const ROUNDS: usize = 4;
const ROUND_LASTS: Duration = Duration::from_secs(2);
/// Between two hooks.
const PAUSE: Duration = Duration::from_millis(2);

pub fn measure(
    subject: &Subject,
    load: &mut Load,
    agents: &Path,
    files: usize,
) -> Result<Vec<Row>, Failure> {
    let elsewhere = subject.folder().join("elsewhere");
    let cannot = |error: io::Error| io_failed("a storm of edits", &error);
    fill(&elsewhere, 0..files, 0).map_err(cannot)?;
    let (mut watched, mut unwatched) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        unwatched.extend(beside(subject, load, &elsewhere, files).map_err(cannot)?);
        watched.extend(beside(subject, load, agents, files).map_err(cannot)?);
    }
    fs::remove_dir_all(&elsewhere).map_err(cannot)?;
    for waits in [&mut watched, &mut unwatched] {
        waits.sort_unstable();
    }
    let p99 = [&watched, &unwatched].map(|waits| percentile_ms(waits, 0.99));
    Ok(vec![
        row(PART, "an event beside edits of all, p99", p99[0], "ms"),
        row(PART, "against edits of other files", p99[0] / p99[1], "×").at_most(1.1),
    ])
}

/// How long each hook waited.
fn beside(
    subject: &Subject,
    load: &mut Load,
    folder: &Path,
    files: usize,
) -> io::Result<Vec<Duration>> {
    let is_over = AtomicBool::new(false);
    let edits = || -> io::Result<()> {
        let mut edits = 2..;
        while !is_over.load(Ordering::Relaxed) {
            fill(folder, 0..files, edits.next().unwrap_or_default())?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let editor = scope.spawn(edits);
        let waits = hooks(subject, load);
        is_over.store(true, Ordering::Relaxed);
        let edited = editor.join();
        edited.map_err(|_| io::Error::other("a thread panicked"))??;
        waits
    })
}

fn hooks(subject: &Subject, load: &mut Load) -> io::Result<Vec<Duration>> {
    let (socket, end) = (subject.socket(), Instant::now() + ROUND_LASTS);
    let mut waits = Vec::new();
    while Instant::now() < end {
        let line = load.chunk(1);
        let begun = Instant::now();
        send(&mut open(&socket)?, &line)?;
        waits.push(begun.elapsed());
        thread::sleep(PAUSE);
    }
    Ok(waits)
}
