//! What the open page costs its reader's machine: the processor time of its renderer, in a headless
//! Chromium without a GPU.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::load::Load;
use super::machine::cpu_us;
use super::result::{Row, row};
use super::subject::Subject;
use crate::cli::delivery::{connect, deliver};
use crate::cli::failure::{Failure, failed, io_failed};

const PROGRAMS: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];
/// As the tests start it; nothing but the page may use the network.
const FLAGS: [&str; 10] = [
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--disable-extensions",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--remote-debugging-port=0",
    "--window-size=1280,1600",
];
/// Part, events a second, and the share of a core that is to be enough.
const PACES: [(&str, u64, f64); 3] = [
    ("the page at 200 events/s", 200, 15.0),
    ("the page at 10 events/s", 10, 5.0),
    ("the page at 2 events/s", 2, 2.0),
];
/// A day that the page shows from the beginning.
const EVENTS_BEFORE: u64 = 4_000;
/// Until the page is drawn, and until a pace is steady.
const SETTLED_AFTER: Duration = Duration::from_secs(6);
const MEASURED_FOR: Duration = Duration::from_secs(15);
const PATIENCE: Duration = Duration::from_secs(60);

/// The processor time of the renderer, in percent of a core; not measured without a Chromium.
pub fn measure(subject: &Subject, seed: u64, now_ms: i64) -> Result<Vec<Row>, Failure> {
    let of = |part, share, enough| {
        row(part, "CPU of its renderer", share, "% of a core").at_most(enough)
    };
    let Some(program) = find() else {
        return Ok(PACES.map(|(part, _, enough)| of(part, None, enough)).into());
    };
    let stream = connect(&subject.socket())?;
    let day = Load::new(seed, now_ms).chunks(EVENTS_BEFORE);
    deliver(stream, day.into_iter().map(Ok), PATIENCE, |_| {})?;
    let browser = Browser::open(&program, subject)?;
    let mut rows = Vec::new();
    for (part, a_second, enough) in PACES {
        let load = Load::new(seed.wrapping_add(a_second), now_ms);
        let share = at_pace(subject, &browser, load, a_second)?;
        rows.push(of(part, share, enough));
    }
    Ok(rows)
}

fn at_pace(
    subject: &Subject,
    browser: &Browser,
    mut load: Load,
    a_second: u64,
) -> Result<Option<f64>, Failure> {
    let stream = connect(&subject.socket())?;
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let started = Instant::now();
    let events = (0..).map_while(move |sent| {
        let due = Duration::from_secs(1) * sent / a_second as u32;
        sleep(due.saturating_sub(started.elapsed()));
        (!stopped.load(Ordering::Acquire)).then(|| Ok(load.chunk(1)))
    });
    let sender = std::thread::spawn(move || deliver(stream, events, PATIENCE, |_| {}));
    sleep(SETTLED_AFTER);
    let (before, begun) = (browser.renderers_us(), Instant::now());
    sleep(MEASURED_FOR);
    let (after, took) = (browser.renderers_us(), begun.elapsed());
    stop.store(true, Ordering::Release);
    let panicked = |_| failed("the client's thread panicked");
    sender.join().map_err(panicked)??;
    let used = before.zip(after).map(|(before, after)| after - before);
    Ok(used.map(|us| us as f64 / took.as_micros() as f64 * 100.0))
}

struct Browser {
    child: Child,
    profile: PathBuf,
}

impl Browser {
    fn open(program: &Path, subject: &Subject) -> Result<Browser, Failure> {
        let profile = subject.folder().join("browser");
        let mut command = Command::new(program);
        command
            .args(FLAGS)
            .arg(format!("--user-data-dir={}", profile.display()));
        // Its sandbox refuses to work for root.
        if rustix::process::geteuid().is_root() {
            command.arg("--no-sandbox");
        }
        let child = command
            .arg(format!("http://{}/#range=24h", subject.http()?))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error: io::Error| io_failed(program.display(), &error))?;
        Ok(Browser { child, profile })
    }

    /// Of all processes that draw for this browser; `None` if there is none.
    fn renderers_us(&self) -> Option<u64> {
        let profile = self.profile.to_str()?;
        let processes = fs::read_dir("/proc").ok()?.flatten();
        let used = processes.filter_map(|process| {
            let pid = process.file_name().to_str()?.parse().ok()?;
            let words = fs::read_to_string(process.path().join("cmdline")).ok()?;
            let is_own = words.contains("--type=renderer") && words.contains(profile);
            is_own.then(|| cpu_us(pid)).flatten()
        });
        used.reduce(|sum, us| sum + us)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may have ended by itself; its profile goes with the daemon's folder.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let places: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let mut all = PROGRAMS
        .iter()
        .flat_map(|name| places.iter().map(move |place| place.join(name)));
    all.find(|program| program.is_file())
}
