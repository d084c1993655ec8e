//! Reads what a client sends, within bounds of size, time and memory.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::Request;
use axum::http::header::CONTENT_LENGTH;
use http_body_util::BodyExt;
use tokio::time::timeout;

use super::error::HttpError;
use super::room::{Client, Full, Held, Room};
use agentpulse_api::code::Code;

/// Memory of all bodies that are being read or decoded: eight of the largest.
const MAX_TOTAL_KIB: usize = 64 << 10;
/// A client that takes longer must try again.
const MAX_WAIT: Duration = Duration::from_secs(30);
/// So much of a body that is too large is still read and dropped, so that the client has sent it
/// and reads the refusal; of a larger one it may see no more than a broken connection.
const MAX_DISCARDED: usize = 64 << 20;

/// Room for bodies.
pub struct Bodies(Room);

impl Default for Bodies {
    fn default() -> Bodies {
        Bodies(Room::new(MAX_TOTAL_KIB))
    }
}

/// A body that was read. Its memory is released with it.
pub struct Received {
    pub bytes: Bytes,
    _room: Held,
}

impl Bodies {
    /// # Errors
    /// 413 beyond `limit` bytes, 408 and 503 if it takes too long, 400 if the client disconnects.
    pub async fn read(&self, request: Request<Body>, limit: usize) -> Result<Received, HttpError> {
        let length = length_of(&request);
        if length.is_some_and(|length| length > limit.max(MAX_DISCARDED)) {
            return Err(too_large(limit));
        }
        let client = Client::of(&request);
        let collected = self.collect(request.into_body(), limit, &client);
        let received = timeout(MAX_WAIT, collected).await;
        received.unwrap_or_else(|_| {
            let message = format!("the body must arrive within {} s", MAX_WAIT.as_secs());
            Err(HttpError::new(Code::TooSlow, message))
        })
    }

    /// Memory is reserved for received bytes, not for announced ones: a client that announces much
    /// and sends nothing delays nobody.
    async fn collect(
        &self,
        mut body: Body,
        limit: usize,
        client: &Client,
    ) -> Result<Received, HttpError> {
        let mut bytes = Vec::new();
        let mut room = Held::default();
        let mut received = 0;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| HttpError::invalid_body("the body ended too early"))?;
            let Ok(data) = frame.into_data() else {
                continue;
            };
            received += data.len();
            if received <= limit {
                let more_kib = received.div_ceil(1024) - room.kib();
                let full = |Full| HttpError::unavailable("too much is being sent at once");
                room.merge(self.0.take(more_kib, client).await.map_err(full)?);
                bytes.extend_from_slice(&data);
            } else {
                bytes = Vec::new();
            }
            if received > limit.max(MAX_DISCARDED) {
                break;
            }
        }
        if received > limit {
            return Err(too_large(limit));
        }
        Ok(Received {
            bytes: bytes.into(),
            _room: room,
        })
    }
}

fn length_of(request: &Request<Body>) -> Option<usize> {
    let length = request.headers().get(CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}

fn too_large(limit: usize) -> HttpError {
    let message = format!("the body must be 0..={limit} bytes");
    HttpError::new(Code::TooLarge, message)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::poll_fn;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use hyper::body::Frame;

    use super::*;

    /// Of a client that sends nothing and stays.
    struct Stalled;

    impl hyper::body::Body for Stalled {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Pending
        }
    }

    async fn read(bodies: &Bodies, size: usize, limit: usize) -> Result<usize, HttpError> {
        let request = Request::new(Body::from(vec![b'x'; size]));
        Ok(bodies.read(request, limit).await?.bytes.len())
    }

    #[tokio::test]
    async fn a_body_has_its_bound() {
        let bodies = Bodies::default();
        assert_eq!(read(&bodies, 0, 10).await, Ok(0));
        assert_eq!(read(&bodies, 10, 10).await, Ok(10));
        let error = read(&bodies, 11, 10).await.unwrap_err();
        assert_eq!(error.code, Code::TooLarge);
        assert_eq!(error.message, "the body must be 0..=10 bytes");
        assert_eq!(bodies.0.free_kib(), MAX_TOTAL_KIB);
    }

    #[tokio::test]
    async fn an_announced_body_that_does_not_arrive_takes_no_room() {
        let bodies = Bodies::default();
        let mut slow = Vec::new();
        for _ in 0..500 {
            let request = Request::builder().header(CONTENT_LENGTH, 8 << 20);
            let request = request.body(Body::new(Stalled)).unwrap();
            let mut reading = Box::pin(bodies.read(request, 8 << 20));
            let polled = poll_fn(|cx| Poll::Ready(reading.as_mut().poll(cx).is_pending())).await;
            assert!(polled);
            slow.push(reading);
        }
        assert_eq!(read(&bodies, 8 << 20, 8 << 20).await, Ok(8 << 20));
    }

    #[tokio::test]
    async fn one_that_announces_far_too_much_is_not_read() {
        let request = Request::builder().header(CONTENT_LENGTH, "99999999999");
        let request = request.body(Body::empty()).unwrap();
        let error = Bodies::default().read(request, 10).await.err().unwrap();
        assert_eq!(error.code, Code::TooLarge);
    }
}
