//! A stream that ends if its client stops reading: an answer that waits holds memory and a place.
//!
//! tokio-io-timeout has the timeout but not the seat. Around it each of these methods would still
//! be written, and each connection would need one more allocation.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::seat::Seat;

/// Writes fail with `TimedOut` after `timeout` without progress.
pub struct WriteTimeout<S> {
    stream: S,
    timeout: Duration,
    /// Learns when a write waits, and when nothing is left to write.
    seat: Seat,
    /// Runs while a write waits.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl<S> WriteTimeout<S> {
    pub fn new(stream: S, timeout: Duration, seat: Seat) -> WriteTimeout<S> {
        WriteTimeout {
            stream,
            timeout,
            seat,
            waiting: None,
        }
    }

    fn bounded<T>(
        &mut self,
        cx: &mut Context,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            if self.waiting.take().is_some() {
                self.seat.stall(false);
            }
            return written;
        }
        let (timeout, seat) = (self.timeout, &self.seat);
        let waiting = self.waiting.get_or_insert_with(|| {
            seat.stall(true);
            Box::pin(sleep(timeout))
        });
        waiting
            .as_mut()
            .poll(cx)
            .map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WriteTimeout<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context,
        buffer: &mut ReadBuf,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WriteTimeout<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.bounded(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context,
        bytes: &[IoSlice],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.bounded(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        if flushed.is_ready() {
            self.seat.flushed();
        }
        self.bounded(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.bounded(cx, shut)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;
    use agentpulse_pipeline::connection_slots::{ConnectionHolder, Places, Reserve};

    #[tokio::test]
    async fn a_client_that_stops_reading_is_disconnected() {
        let (ours, mut theirs) = duplex(8);
        let places = Places::new(1, Reserve::default(), || ());
        let seat = Seat::new(places.enter(ConnectionHolder::Process(None)).await);
        let mut patient = WriteTimeout::new(ours, Duration::from_millis(20), seat);
        patient.write_all(b"12345678").await.unwrap();
        let stalled = patient.write_all(b"9").await.unwrap_err();
        assert_eq!(stalled.kind(), io::ErrorKind::TimedOut);
        theirs.read_exact(&mut [0; 8]).await.unwrap();
        patient.write_all(b"9").await.unwrap();
    }
}
