//! The daemon's own stream: a snapshot, then frames of changes, each with the next number.

use axum::extract::ws::Utf8Bytes;
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;

use super::socket::{Ending, Socket, is_ping};

/// Runs until the connection is to end; returns why.
pub async fn serve(socket: &mut Socket<'_>) -> Ending {
    match follow(socket).await {
        Ok(never) => match never {},
        Err(ending) => ending,
    }
}

async fn follow(socket: &mut Socket<'_>) -> Result<std::convert::Infallible, Ending> {
    let stream = socket.stream;
    let mut join = std::pin::pin!(stream.join());
    let mut joined = loop {
        tokio::select! {
            joined = &mut join => break joined.ok_or(Ending::NoSnapshot)?,
            message = socket.next() => answer(socket, message?).await?,
        }
    };
    socket.send(joined.snapshot).await?;
    loop {
        tokio::select! {
            frame = joined.frames.recv() => match frame {
                Ok(frame) => socket.send(frame).await?,
                Err(RecvError::Lagged(_)) => return Err(Ending::TooSlow),
                Err(RecvError::Closed) => return Err(Ending::Stopping),
            },
            message = socket.next() => answer(socket, message?).await?,
        }
    }
}

async fn answer(socket: &mut Socket<'_>, message: Utf8Bytes) -> Result<(), Ending> {
    let answer = if is_ping(&message) {
        json!({"type": "pong"})
    } else {
        let error = json!({"code": "unknown_message", "message": "only pings are understood"});
        json!({"type": "error", "error": error})
    };
    socket.send(answer.to_string().into()).await
}
