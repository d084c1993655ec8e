//! Lines out of a stream of bytes, and what may be held of those that have not ended.

use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until, timeout};

use super::decoded::MAX_LINE_BYTES;

/// Cuts a stream of bytes into lines.
#[derive(Default)]
pub struct Lines {
    buffer: Vec<u8>,
    number: u64,
    /// The line is too long: what is left of it is passed over.
    skipping: bool,
}

impl Lines {
    /// Takes the next bytes in and hands on each whole line, or `None` if it is too long.
    pub fn feed(&mut self, mut bytes: &[u8], mut each: impl FnMut(u64, Option<&[u8]>)) {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
            self.number += 1;
            if self.skipping {
                self.skipping = false;
            } else if self.buffer.len() + line.len() > MAX_LINE_BYTES {
                each(self.number, None);
            } else if self.buffer.is_empty() {
                each(self.number, Some(line));
            } else {
                self.buffer.extend_from_slice(line);
                each(self.number, Some(&self.buffer));
            }
            self.buffer.clear();
            bytes = rest;
        }
        if !self.skipping {
            self.buffer.extend_from_slice(bytes);
            if self.buffer.len() > MAX_LINE_BYTES {
                self.skipping = true;
                self.buffer = Vec::new();
                each(self.number + 1, None);
            }
        }
    }

    /// The number of the line that has begun and not ended, and what is held of it, in bytes.
    pub fn begun(&self) -> (u64, usize) {
        (self.number + 1, self.buffer.len())
    }

    /// The last line may lack its end.
    pub fn finish(&mut self, each: impl FnOnce(u64, Option<&[u8]>)) {
        if !self.buffer.is_empty() && !self.skipping {
            each(self.number + 1, Some(&self.buffer));
        }
    }
}

/// What all connections together hold of lines that have not ended, in KiB, beside what each holds
/// for itself.
static SHARED_KIB: Semaphore = Semaphore::const_new(64 << 10);
const OWN_BYTES: usize = 16 << 10;
/// For room that others hold.
const ROOM_WAIT: Duration = Duration::from_secs(5);
/// From the moment that a line takes of what is shared.
const LINE_DEADLINE: Duration = Duration::from_secs(30);

/// What a connection holds of a line that has not ended: a thousand that each begin a long line and
/// send no more of it would hold 256 MiB for ever.
#[derive(Default)]
pub struct Begun {
    line: u64,
    room: Option<SemaphorePermit<'static>>,
    until: Option<Instant>,
}

impl Begun {
    /// Takes room for so many bytes of a line.
    ///
    /// # Errors
    /// Why the connection has to end.
    pub async fn hold(&mut self, (line, bytes): (u64, usize)) -> Result<(), &'static str> {
        if bytes <= OWN_BYTES {
            *self = Begun::default();
            return Ok(());
        }
        if self.until.is_none() || self.line != line {
            (self.line, self.until) = (line, Some(Instant::now() + LINE_DEADLINE));
        }
        let kib = bytes.div_ceil(1024);
        let held = self.room.as_ref().map_or(0, SemaphorePermit::num_permits);
        let more = kib.saturating_sub(held) as u32;
        match timeout(ROOM_WAIT, SHARED_KIB.acquire_many(more)).await {
            Ok(Ok(room)) => match &mut self.room {
                Some(own) => own.merge(room),
                None => self.room = Some(room),
            },
            _ => return Err("too much is being sent at once"),
        }
        Ok(())
    }

    /// Ends when the line has taken too long; never for one that is short.
    pub async fn late(&self) -> &'static str {
        match self.until {
            Some(until) => sleep_until(until).await,
            None => std::future::pending().await,
        }
        "a line must arrive within 30 s"
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Poll;

    use super::*;

    fn cut(chunks: &[&[u8]]) -> Vec<(u64, Option<Vec<u8>>)> {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        for chunk in chunks {
            lines.feed(chunk, |number, line| {
                found.push((number, line.map(<[u8]>::to_vec)));
            });
        }
        lines.finish(|number, line| found.push((number, line.map(<[u8]>::to_vec))));
        found
    }

    #[test]
    fn lines_are_whole_however_they_are_cut() {
        let text = b"one\n\ntwo\nthree";
        let expected = [(1, "one"), (2, ""), (3, "two"), (4, "three")];
        for at in 0..text.len() {
            let found = cut(&[&text[..at], &text[at..]]);
            let found: Vec<_> = found
                .iter()
                .map(|(number, line)| {
                    (
                        *number,
                        std::str::from_utf8(line.as_ref().unwrap()).unwrap(),
                    )
                })
                .collect();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_refused_once_and_the_next_one_lives() {
        let long = vec![b'x'; MAX_LINE_BYTES + 1];
        let huge = vec![b'x'; 3 * MAX_LINE_BYTES];
        let found = cut(&[
            b"a\n",
            &long,
            b"\nb\n",
            &huge[..100],
            &huge[100..],
            &huge,
            b"\nc",
        ]);
        let expected = [
            (1, Some(b"a".to_vec())),
            (2, None),
            (3, Some(b"b".to_vec())),
            (4, None),
            (5, Some(b"c".to_vec())),
        ];
        assert_eq!(found, expected);
        let just = vec![b'x'; MAX_LINE_BYTES];
        assert_eq!(cut(&[&just, b"\n"]), [(1, Some(just.clone()))]);
    }

    #[tokio::test]
    async fn a_long_line_has_a_deadline_and_all_of_them_share_their_room() {
        let mut all = Vec::new();
        for _ in 0..256 {
            let mut begun = Begun::default();
            begun.hold((1, MAX_LINE_BYTES)).await.unwrap();
            all.push(begun);
        }
        let mut next = Begun::default();
        next.hold((1, OWN_BYTES)).await.unwrap();
        assert!(next.until.is_none());
        {
            let mut waiting = Box::pin(next.hold((1, OWN_BYTES + 1)));
            let polled = poll_fn(|cx| Poll::Ready(waiting.as_mut().poll(cx).is_pending())).await;
            assert!(polled, "there is no room");
        }
        // The end of a line gives its room back.
        all[0].hold((2, 10)).await.unwrap();
        assert!(all[0].until.is_none());
        next.hold((1, MAX_LINE_BYTES)).await.unwrap();
        let until = next.until;
        assert!(until.is_some());
        next.hold((1, MAX_LINE_BYTES)).await.unwrap();
        assert_eq!(next.until, until);
        next.hold((2, MAX_LINE_BYTES)).await.unwrap();
        assert!(next.until > until, "it is another line");
    }
}
