//! The existing dashboard's dialect: everything on open, and what has changed once a second.

use std::time::Duration;

use axum::extract::ws::Utf8Bytes;
use bytes::Bytes;
use tokio::time::{MissedTickBehavior, interval};

use super::socket::{Ending, Socket, is_ping};
use agentpulse_reports::dashboard::Part;
use agentpulse_reports::{Query, Reports};

/// Its list of single events, which it fills by itself; it waits for this message.
const INITIAL: Bytes = Bytes::from_static(br#"{"type":"initial","data":[]}"#);
const PONG: Bytes = Bytes::from_static(br#"{"type":"pong"}"#);
const EVERY: Duration = Duration::from_secs(1);
/// An answer may be older than the change by less than a second: the second answer is not.
const ROUNDS: u32 = 2;

/// Runs until the connection is to end; returns why.
pub async fn serve(socket: &mut Socket<'_>, reports: &Reports) -> Ending {
    match follow(socket, reports).await {
        Ok(never) => match never {},
        Err(ending) => ending,
    }
}

async fn follow(
    socket: &mut Socket<'_>,
    reports: &Reports,
) -> Result<std::convert::Infallible, Ending> {
    socket.send(INITIAL).await?;
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut sent = [None; Part::ALL.len()];
    let (mut moment, mut rounds) = (socket.stream.moment(), ROUNDS);
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                let now = socket.stream.moment();
                if now != moment {
                    (moment, rounds) = (now, ROUNDS);
                }
                if rounds > 0 && send_changed(socket, reports, &mut sent).await? {
                    rounds -= 1;
                }
            }
            message = socket.next() => answer(socket, message?).await?,
        }
    }
}

/// Sends the messages that differ from those `sent`; returns whether all could be built.
async fn send_changed(
    socket: &mut Socket<'_>,
    reports: &Reports,
    sent: &mut [Option<u64>],
) -> Result<bool, Ending> {
    let mut all = true;
    for (part, sent) in Part::ALL.into_iter().zip(sent) {
        match reports.answer(&Query::Dashboard(part), None).await {
            Ok(answer) if *sent != Some(answer.digest) => {
                *sent = Some(answer.digest);
                socket.send(answer.body).await?;
            }
            Ok(_) => {}
            // It is in the log.
            Err(_) => all = false,
        }
    }
    Ok(all)
}

/// Other messages are of parts of the dashboard that the daemon has no word for.
async fn answer(socket: &mut Socket<'_>, message: Utf8Bytes) -> Result<(), Ending> {
    if is_ping(&message) {
        socket.send(PONG).await?;
    }
    Ok(())
}
