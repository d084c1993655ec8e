//! How far a long piece of work is: one line of a terminal, written over and taken away at the end.

use std::future::Future;
use std::io::{self, IsTerminal, Write};
use std::pin::pin;
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::time::timeout;

use super::client::Control;

const SHOW_EVERY: Duration = Duration::from_millis(200);
const LOOK_EVERY: Duration = Duration::from_millis(10);
const WIDTH: usize = 30;

/// On standard error, and nothing where that is no terminal.
#[derive(Default)]
pub struct Bar {
    shown: bool,
}

impl Bar {
    pub fn show(&mut self, stage: &str, percent: u64) {
        if !io::stderr().is_terminal() {
            return;
        }
        self.shown = true;
        let done = WIDTH * percent.min(100) as usize / 100;
        let bar = format!("{}{}", "#".repeat(done), ".".repeat(WIDTH - done));
        // A terminal that is gone needs no bar.
        let _ = write!(io::stderr(), "\r{stage:<8} [{bar}] {percent:>3} %");
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(io::stderr(), "\r{:width$}\r", "", width = WIDTH + 18);
        }
    }
}

/// Waits for an answer of the daemon, and shows what `now` finds in its status meanwhile.
pub async fn while_asked<T>(
    asked: impl Future<Output = T>,
    control: &Control,
    now: impl Fn(&Value) -> Option<(String, u64)>,
) -> T {
    if !io::stderr().is_terminal() {
        return asked.await;
    }
    let mut bar = Bar::default();
    let mut asked = pin!(asked);
    loop {
        if let Ok(answer) = timeout(SHOW_EVERY, &mut asked).await {
            return answer;
        }
        let look = timeout(SHOW_EVERY, control.status()).await;
        if let Some((stage, percent)) = look.ok().and_then(|told| now(&told.ok()?)) {
            bar.show(&stage, percent);
        }
    }
}

/// Waits for the work of a thread, and shows now and then what `now` says of it.
pub fn wait<T>(
    work: ScopedJoinHandle<'_, T>,
    now: impl Fn() -> (&'static str, u64),
) -> std::thread::Result<T> {
    let mut bar = Bar::default();
    let mut shown = Instant::now();
    while !work.is_finished() {
        std::thread::park_timeout(LOOK_EVERY);
        if shown.elapsed() >= SHOW_EVERY {
            shown = Instant::now();
            let (stage, percent) = now();
            bar.show(stage, percent);
        }
    }
    drop(bar);
    work.join()
}
