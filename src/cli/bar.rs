//! The progress of long work: one line of a terminal, removed at the end.

use std::borrow::Cow;
use std::future::Future;
use std::io::{self, IsTerminal};
use std::pin::pin;
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use tokio::time::timeout;

use agentpulse_client::Control;

const SHOW_EVERY: Duration = Duration::from_millis(200);
const POLL_INTERVAL: Duration = Duration::from_millis(10);
const STAGES: &str = "{msg:8} [{bar:30}] {percent:>3} %";

/// On standard error, if that is a terminal. It is removed when it is dropped.
pub fn bar(template: &str, total: u64) -> ProgressBar {
    // Without its style the bar is still a bar.
    let style = ProgressStyle::with_template(template);
    ProgressBar::new(total).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Of work in stages that each go from 0 to 100 percent.
pub fn stages() -> ProgressBar {
    bar(STAGES, 100)
}

pub fn show(bar: &ProgressBar, stage: impl Into<Cow<'static, str>>, percent: u64) {
    bar.set_message(stage);
    bar.set_position(percent);
}

/// Waits for an answer of the daemon, and meanwhile shows the progress that `now` finds in its
/// status.
pub async fn while_asked<T>(
    asked: impl Future<Output = T>,
    control: &Control,
    now: impl Fn(&Value) -> Option<(String, u64)>,
) -> T {
    if !io::stderr().is_terminal() {
        return asked.await;
    }
    let bar = stages();
    let mut asked = pin!(asked);
    loop {
        if let Ok(answer) = timeout(SHOW_EVERY, &mut asked).await {
            return answer;
        }
        let polled = timeout(SHOW_EVERY, control.status()).await;
        if let Some((stage, percent)) = polled.ok().and_then(|status| now(&status.ok()?)) {
            show(&bar, stage, percent);
        }
    }
}

/// Waits for the work of a thread, and shows its progress as `now` returns it.
pub fn wait<T>(
    work: ScopedJoinHandle<'_, T>,
    now: impl Fn() -> (&'static str, u64),
) -> std::thread::Result<T> {
    let bar = stages();
    let mut shown = Instant::now();
    while !work.is_finished() {
        std::thread::park_timeout(POLL_INTERVAL);
        if shown.elapsed() >= SHOW_EVERY {
            shown = Instant::now();
            let (stage, percent) = now();
            show(&bar, stage, percent);
        }
    }
    drop(bar);
    work.join()
}
