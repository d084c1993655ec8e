//! The lines of a file, one at a time, in bounded memory.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Take};

use super::open::Opened;

/// A line holds one block of a message. The largest are pictures of some five megabytes, so that
/// a longer line is no line of a client.
pub const MAX_LINE_BYTES: usize = 8 << 20;
const BUFFER_BYTES: usize = 64 << 10;

/// The lines from an offset to where the file ended when it was opened: what is appended while it
/// is read belongs to a later reading.
pub struct Lines {
    file: BufReader<Take<File>>,
    line: Vec<u8>,
    end: u64,
}

pub struct FileLine<'a> {
    /// With its newline. Empty for a line that is too long, of which nothing is kept.
    pub bytes: &'a [u8],
    /// The offset behind it.
    pub end: u64,
    /// Its newline was there.
    pub is_ended: bool,
}

impl Lines {
    pub fn new(opened: Opened, from: u64) -> io::Result<Lines> {
        let Opened { mut file, len } = opened;
        file.seek(SeekFrom::Start(from))?;
        let rest = file.take(len.saturating_sub(from));
        Ok(Lines {
            file: BufReader::with_capacity(BUFFER_BYTES, rest),
            line: Vec::new(),
            end: from,
        })
    }

    /// None at the end of the file.
    pub fn next(&mut self) -> io::Result<Option<FileLine<'_>>> {
        self.line.clear();
        let (mut read, mut is_ended) = (0, false);
        while !is_ended {
            let buffer = match self.file.fill_buf() {
                Ok([]) => break,
                Ok(buffer) => buffer,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let newline = memchr::memchr(b'\n', buffer);
            is_ended = newline.is_some();
            let part = &buffer[..newline.map_or(buffer.len(), |place| place + 1)];
            read += part.len();
            if read <= MAX_LINE_BYTES {
                self.line.extend_from_slice(part);
            } else {
                self.line.clear();
            }
            let taken = part.len();
            self.file.consume(taken);
        }
        self.end += read as u64;
        Ok((read > 0).then_some(FileLine {
            bytes: &self.line,
            end: self.end,
            is_ended,
        }))
    }
}
