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
use super::state::{State, Then, Told};
use crate::cli::block_on;
use crate::cli::client::Control;
use crate::cli::failure::{Failure, failed, io_failed};
use crate::flow::clock::now_ms;

/// What has come is drawn so soon, and elapsed times go on.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// What is told between two looks is three at most: this is more than a look ever finds.
const MAX_QUEUED: usize = 16;

struct GivenBack;

impl Drop for GivenBack {
    fn drop(&mut self) {
        // The library's panic hook has done so before the panic was told; once more would put the
        // cursor back over what it told.
        if !thread::panicking() {
            // The terminal may be what has gone.
            let _ = ratatui::try_restore();
        }
    }
}

pub fn run(control: Control, every: Duration, colours: bool) -> Result<(), Failure> {
    let (tell, told) = sync_channel(MAX_QUEUED);
    let (want, wanted) = watch::channel(None);
    let asking = thread::Builder::new().name("ask".to_owned());
    // It is not waited for: an answer may take seconds, and whoever quits has gone.
    asking
        .spawn(move || ask(control, every, wanted, tell))
        .map_err(|error| io_failed("a thread", &error))?;
    let _given_back = GivenBack;
    let shown = ratatui::try_init().and_then(|terminal| show(terminal, &told, &want, colours));
    match shown {
        Ok(true) => Ok(()),
        Ok(false) => Err(failed("nobody asks the daemon any more")),
        Err(error) => Err(io_failed("the terminal", &error)),
    }
}

fn ask(
    control: Control,
    every: Duration,
    wanted: watch::Receiver<Option<String>>,
    tell: SyncSender<Told>,
) -> Result<(), Failure> {
    if block_on(again_and_again(control, every, wanted, tell))?? {
        // Who draws was told to end and is still here: to read from a terminal that has gone, or
        // to write to one that was stopped, has no end.
        let _ = disable_raw_mode();
        exit(1);
    }
    Ok(())
}

/// Whether it was left, and not abandoned by who asks.
fn show(
    mut terminal: DefaultTerminal,
    told: &Receiver<Told>,
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
        if event::poll(LOOK_EVERY)?
            && let Event::Key(key) = event::read()?
            && key.is_press()
            && !goes_on(state.key(key), want)
        {
            return Ok(true);
        }
        loop {
            let then = match told.try_recv() {
                Ok(told) => state.take(told, now_ms),
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
