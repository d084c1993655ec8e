//! The place that a connection holds, as its requests begin, wait for their client and end.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use hyper::Request;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use agentpulse_pipeline::connection_slots::{ConnectionHolder, Full, Place, Rank};

/// An extension of each request.
#[derive(Clone)]
pub struct Seat(Arc<Seated>);

struct Seated {
    place: Place,
    /// A request was admitted, and its answer is not completely sent.
    begun: AtomicBool,
    /// The body of the answer has ended; some of it may still wait to be written.
    answered: AtomicBool,
}

impl Seat {
    pub fn new(place: Place) -> Seat {
        Seat(Arc::new(Seated {
            place,
            begun: AtomicBool::new(false),
            answered: AtomicBool::new(false),
        }))
    }

    /// # Errors
    /// There is no room for this request.
    pub fn admit(&self, holder: ConnectionHolder, rank: Rank) -> Result<(), Full> {
        self.0.place.admit(holder, rank)?;
        self.0.answered.store(false, Ordering::Relaxed);
        self.0.begun.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// See [`Place::displace_stalled`].
    pub fn displace_stalled(&self, own: bool) {
        self.0.place.displace_stalled(own);
    }

    /// The request waits for its client, or does not any more.
    pub fn stall(&self, stalled: bool) {
        self.0.place.stall(stalled);
    }

    /// Everything is written: with the whole answer the request has ended.
    pub fn flushed(&self) {
        let is_whole = self.0.answered.swap(false, Ordering::Relaxed);
        if is_whole && self.0.begun.swap(false, Ordering::Relaxed) {
            self.0.place.end();
        }
    }

    /// See [`Place::lost`].
    pub async fn lost(&self) {
        self.0.place.lost().await;
    }

    /// Releases the place. An upgraded connection is not in the table.
    pub fn leave(&self) {
        self.0.place.leave();
    }

    /// The body of a request.
    pub fn sending<B>(&self, body: B) -> Sending<B> {
        let seat = self.clone();
        Sending { body, seat }
    }

    /// The body of an answer.
    pub fn answering<B>(&self, body: B) -> Answering<B> {
        let seat = self.clone();
        Answering { body, seat }
    }
}

/// A request whose body reports when it waits for its client.
pub type Received = Request<Sending<Incoming>>;

/// Stalls the place while more of it is to come.
pub struct Sending<B> {
    body: B,
    seat: Seat,
}

impl<B: Body + Unpin> Body for Sending<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        self.seat.stall(polled.is_pending());
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B> Drop for Sending<B> {
    fn drop(&mut self) {
        self.seat.stall(false);
    }
}

/// Ends the request when the body ends.
pub struct Answering<B> {
    body: B,
    seat: Seat,
}

impl<B: Body + Unpin> Body for Answering<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B> Drop for Answering<B> {
    fn drop(&mut self) {
        self.seat.0.answered.store(true, Ordering::Relaxed);
    }
}
