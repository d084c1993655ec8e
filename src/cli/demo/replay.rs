//! Sends the lines of the day at a speed.

use std::iter::Peekable;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// About what a Unix socket takes at once.
const CHUNK_BYTES: usize = 64 << 10;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    Max,
    Times(f64),
}

impl FromStr for Speed {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Speed, Self::Err> {
        if text == "max" {
            return Ok(Speed::Max);
        }
        match text.parse() {
            // A day in a second is as good as at once.
            Ok(factor) if (1.0..=86_400.0).contains(&factor) => Ok(Speed::Times(factor)),
            _ => Err("must be max, or 1..=86400"),
        }
    }
}

/// The lines of the day in chunks, each when it is due.
pub struct Chunks<I: Iterator<Item = (i64, String)>> {
    lines: Peekable<I>,
    speed: Speed,
    start_ms: i64,
    begun: Instant,
}

impl<I: Iterator<Item = (i64, String)>> Chunks<I> {
    /// Lines with their moments; the day begins at `start_ms`, and is sent from now on.
    pub fn new(start_ms: i64, lines: I, speed: Speed) -> Chunks<I> {
        Chunks {
            lines: lines.peekable(),
            speed,
            start_ms,
            begun: Instant::now(),
        }
    }

    /// When a moment of the day comes, after the begin.
    fn due(&self, at_ms: i64) -> Duration {
        match self.speed {
            Speed::Max => Duration::ZERO,
            Speed::Times(factor) => {
                let offset_s = (at_ms - self.start_ms).max(0) as f64 / 1000.0;
                Duration::from_secs_f64(offset_s / factor)
            }
        }
    }

    fn wait(&self, at_ms: i64) -> Duration {
        self.due(at_ms).saturating_sub(self.begun.elapsed())
    }
}

impl<I: Iterator<Item = (i64, String)>> Iterator for Chunks<I> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let &(first_ms, _) = self.lines.peek()?;
        std::thread::sleep(self.wait(first_ms));
        let mut chunk = Vec::new();
        while let Some(&(at_ms, _)) = self.lines.peek() {
            if chunk.len() >= CHUNK_BYTES || !self.wait(at_ms).is_zero() {
                break;
            }
            let (_, line) = self.lines.next()?;
            chunk.extend_from_slice(line.as_bytes());
            chunk.push(b'\n');
        }
        Some(chunk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_speed_is_a_factor_or_max() {
        assert_eq!("max".parse(), Ok(Speed::Max));
        assert_eq!("60".parse(), Ok(Speed::Times(60.0)));
        for wrong in ["0", "-1", "fast", "NaN", "100000"] {
            assert!(wrong.parse::<Speed>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn at_most_speed_chunks_are_full_and_hold_every_line() {
        let lines = (0..5_000).map(|n| (n, format!("{n:040}")));
        let chunks = Chunks::new(0, lines, Speed::Max);
        let chunks: Vec<Vec<u8>> = chunks.collect();
        // 41 bytes a line: 1,599 lines are the first to reach 65,536 bytes.
        let sizes: Vec<usize> = chunks.iter().map(Vec::len).collect();
        assert_eq!(sizes, [1_599 * 41, 1_599 * 41, 1_599 * 41, 203 * 41]);
        assert!(chunks.concat().ends_with(b"04999\n"));
    }

    #[test]
    fn moments_come_by_the_speed() {
        let mut chunks = Chunks::new(1_000, std::iter::empty(), Speed::Times(60.0));
        assert_eq!(chunks.due(0), Duration::ZERO);
        assert_eq!(chunks.due(3_601_000), Duration::from_secs(60));
        chunks.speed = Speed::Max;
        assert_eq!(chunks.due(3_601_000), Duration::ZERO);
    }
}
