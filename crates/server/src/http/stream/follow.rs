//! A client of a stream: its start, then the frames that follow without a gap.

use std::convert::Infallible;

use bytes::Bytes;
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;
use tungstenite::Utf8Bytes;

use super::socket::{Ending, Socket, is_ping};
use agentpulse_reports::stream::Dialect;

const PONG: Bytes = Bytes::from_static(br#"{"type":"pong"}"#);
/// The existing dashboard's list of hook events, which it fills by itself; it waits for this.
const INITIAL: Bytes = Bytes::from_static(br#"{"type":"initial","data":[]}"#);

/// Runs until the connection is to end; returns why.
pub async fn serve(socket: &mut Socket<'_>, dialect: Dialect) -> Ending {
    match follow(socket, dialect).await {
        Ok(never) => match never {},
        Err(ending) => ending,
    }
}

async fn follow(socket: &mut Socket<'_>, dialect: Dialect) -> Result<Infallible, Ending> {
    if dialect == Dialect::Dashboard {
        socket.send(INITIAL).await?;
    }
    let stream = socket.stream;
    let mut join = std::pin::pin!(stream.join(dialect));
    let mut joined = loop {
        tokio::select! {
            joined = &mut join => break joined.ok_or(Ending::NoSnapshot)?,
            message = socket.next() => answer(socket, dialect, message?).await?,
        }
    };
    send(socket, &joined.first).await?;
    loop {
        tokio::select! {
            frame = joined.frames.recv() => match frame {
                Ok(frame) => send(socket, &frame).await?,
                Err(RecvError::Lagged(_)) => return Err(Ending::TooSlow),
                Err(RecvError::Closed) => return Err(Ending::Stopping),
            },
            message = socket.next() => answer(socket, dialect, message?).await?,
        }
    }
}

async fn send(socket: &mut Socket<'_>, frame: &[Bytes]) -> Result<(), Ending> {
    for text in frame {
        socket.send(text.clone()).await?;
    }
    Ok(())
}

async fn answer(
    socket: &mut Socket<'_>,
    dialect: Dialect,
    message: Utf8Bytes,
) -> Result<(), Ending> {
    match dialect {
        _ if is_ping(&message) => socket.send(PONG).await,
        // What the dashboard asks for it has been sent.
        Dialect::Dashboard => Ok(()),
        Dialect::Own | Dialect::Registry => {
            let error = json!({"code": "unknown_message", "message": "only pings are understood"});
            let answer = json!({"type": "error", "error": error});
            socket.send(answer.to_string().into()).await
        }
    }
}
