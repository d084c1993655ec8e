//! How far a long piece of work is: one line of a terminal, taken away at the end.

use std::borrow::Cow;
use std::future::Future;
use std::io::{self, IsTerminal};
use std::pin::pin;
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use tokio::time::timeout;

use super::client::Control;

const SHOW_EVERY: Duration = Duration::from_millis(200);
const LOOK_EVERY: Duration = Duration::from_millis(10);
const STAGES: &str = "{msg:8} [{bar:30}] {percent:>3} %";

/// On standard error, and nothing where that is no terminal. It is taken away when it is dropped.
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

/// Waits for an answer of the daemon, and shows what `now` finds in its status meanwhile.
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
        let look = timeout(SHOW_EVERY, control.status()).await;
        if let Some((stage, percent)) = look.ok().and_then(|told| now(&told.ok()?)) {
            show(&bar, stage, percent);
        }
    }
}

/// Waits for the work of a thread, and shows now and then what `now` says of it.
pub fn wait<T>(
    work: ScopedJoinHandle<'_, T>,
    now: impl Fn() -> (&'static str, u64),
) -> std::thread::Result<T> {
    let bar = stages();
    let mut shown = Instant::now();
    while !work.is_finished() {
        std::thread::park_timeout(LOOK_EVERY);
        if shown.elapsed() >= SHOW_EVERY {
            shown = Instant::now();
            let (stage, percent) = now();
            show(&bar, stage, percent);
        }
    }
    drop(bar);
    work.join()
}
