//! The terminal: taken, drawn to, and given back however the program ends.

use std::io;
use std::process::exit;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread;
use std::time::Duration;

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event};
use ratatui::crossterm::terminal::disable_raw_mode;
use tokio::sync::watch;

use super::ask::again_and_again;
use super::draw::draw;
use super::state::{State, Then, Update};
use crate::cli::failure::{Failure, failed, io_failed};
use crate::cli::runtime::block_on;
use agentpulse_client::Control;
use agentpulse_pipeline::clock::now_ms;

/// What has come is drawn so soon, and elapsed times go on.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// Between two polls there are three updates at most: this is more than a poll ever finds.
const MAX_QUEUED: usize = 16;

struct GivenBack;

impl Drop for GivenBack {
    fn drop(&mut self) {
        // The library's panic hook has done so before it printed the panic; once more would put the
        // cursor back over the message.
        if !thread::panicking() {
            // The terminal may be what has gone.
            let _ = ratatui::try_restore();
        }
    }
}

pub fn run(control: Control, every: Duration, colours: bool) -> Result<(), Failure> {
    let (sender, updates) = sync_channel(MAX_QUEUED);
    let (want, wanted) = watch::channel(None);
    let asking = thread::Builder::new().name("ask".to_owned());
    // The thread is not joined: an answer may take seconds, and the user wants to leave.
    asking
        .spawn(move || ask(control, every, wanted, sender))
        .map_err(|error| io_failed("a thread", &error))?;
    let _given_back = GivenBack;
    let shown = ratatui::try_init().and_then(|terminal| show(terminal, &updates, &want, colours));
    match shown {
        Ok(true) => Ok(()),
        Ok(false) => Err(failed("the thread that polls the daemon has ended")),
        Err(error) => Err(io_failed("the terminal", &error)),
    }
}

fn ask(
    control: Control,
    every: Duration,
    wanted: watch::Receiver<Option<String>>,
    sender: SyncSender<Update>,
) -> Result<(), Failure> {
    if block_on(again_and_again(control, every, wanted, sender))?? {
        // The drawing thread was asked to end and still runs: reading from a terminal that has
        // gone, or writing to one that was stopped, blocks for ever.
        let _ = disable_raw_mode();
        exit(1);
    }
    Ok(())
}

/// Whether the user quit; false if the polling thread has ended.
fn show(
    mut terminal: DefaultTerminal,
    updates: &Receiver<Update>,
    want: &watch::Sender<Option<String>>,
    colours: bool,
) -> io::Result<bool> {
    let mut state = State::default();
    loop {
        let now_ms = now_ms();
        terminal.draw(|frame| {
            let area = frame.area();
            draw(&mut state, now_ms, colours, area, frame.buffer_mut());
        })?;
        if event::poll(POLL_INTERVAL)?
            && let Event::Key(key) = event::read()?
            && key.is_press()
            && !goes_on(state.key(key), want)
        {
            return Ok(true);
        }
        loop {
            let then = match updates.try_recv() {
                Ok(update) => state.take(update, now_ms),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return Ok(false),
            };
            if !goes_on(then, want) {
                return Ok(true);
            }
        }
    }
}

fn goes_on(then: Then, want: &watch::Sender<Option<String>>) -> bool {
    match then {
        Then::Nothing => {}
        Then::Quit => return false,
        Then::Ask(id) => {
            want.send_replace(id);
        }
    }
    true
}
