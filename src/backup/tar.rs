//! As much of the tar format (POSIX ustar) as a backup needs: plain files, in a row. Any `tar`
//! lists and unpacks it.

use std::io::{self, Read, Write};

const BLOCK: usize = 512;
const MAGIC: &[u8] = b"ustar\x0000";
/// Eleven octal digits; beyond them the number is written in binary, as GNU tar does it.
const MAX_OCTAL: u64 = 0o77_777_777_777;
const SIZE: std::ops::Range<usize> = 124..136;
const CHECKSUM: std::ops::Range<usize> = 148..156;
const NAME_BYTES: usize = 100;
const KIND: usize = 156;
const PREFIX: usize = 345;

/// The file that follows a header.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    pub name: String,
    pub bytes: u64,
}

/// What a header turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub enum Header {
    Entry(Entry),
    /// The end that a whole archive has.
    End,
    /// The archive ends where it must not.
    Torn,
    /// These bytes are no header.
    Strange,
}

/// `name` is short and of ASCII; `mtime_s` counts from 1970.
pub fn write_header(out: &mut impl Write, name: &str, bytes: u64, mtime_s: u64) -> io::Result<()> {
    let mut header = [0; BLOCK];
    let mut put = |at: usize, field: &[u8]| header[at..at + field.len()].copy_from_slice(field);
    put(0, &name.as_bytes()[..name.len().min(NAME_BYTES)]);
    put(100, b"0000600\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    if bytes <= MAX_OCTAL {
        put(SIZE.start, format!("{bytes:011o}\0").as_bytes());
    } else {
        put(SIZE.start, &[0x80, 0, 0, 0]);
        put(SIZE.start + 4, &bytes.to_be_bytes());
    }
    put(136, format!("{:011o}\0", mtime_s.min(MAX_OCTAL)).as_bytes());
    put(156, b"0");
    put(257, MAGIC);
    let sum = checksum(&header);
    header[CHECKSUM].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    out.write_all(&header)
}

/// Fills the last block of a file.
pub fn write_padding(out: &mut impl Write, bytes: u64) -> io::Result<()> {
    out.write_all(&[0; BLOCK][..padding(bytes)])
}

pub fn write_end(out: &mut impl Write) -> io::Result<()> {
    out.write_all(&[0; 2 * BLOCK])
}

pub fn read_header(input: &mut impl Read) -> io::Result<Header> {
    let mut header = [0; BLOCK];
    if !fill(input, &mut header)? {
        return Ok(Header::Torn);
    }
    if header == [0; BLOCK] {
        return Ok(Header::End);
    }
    let stored = octal(&header[CHECKSUM]);
    // A link, a folder or a device, and a name that goes on in another field, are none of ours.
    if !matches!(header[KIND], b'0' | 0) || header[PREFIX] != 0 {
        return Ok(Header::Strange);
    }
    if !header[257..].starts_with(b"ustar") || stored != Some(checksum(&header)) {
        return Ok(Header::Strange);
    }
    let name = header[..NAME_BYTES].split(|&byte| byte == 0).next();
    let name = String::from_utf8_lossy(name.unwrap_or_default()).into_owned();
    let size = &header[SIZE];
    let bytes = match size[0] {
        0x80 => size[4..].try_into().ok().map(u64::from_be_bytes),
        _ => octal(size),
    };
    Ok(bytes.map_or(Header::Strange, |bytes| {
        Header::Entry(Entry { name, bytes })
    }))
}

/// Skips what fills the last block of a file; false at the archive's end.
pub fn read_padding(input: &mut impl Read, bytes: u64) -> io::Result<bool> {
    fill(input, &mut [0; BLOCK][..padding(bytes)])
}

fn padding(bytes: u64) -> usize {
    (BLOCK - (bytes % BLOCK as u64) as usize) % BLOCK
}

/// The sum of all bytes, where those of the sum itself count as blanks.
fn checksum(header: &[u8; BLOCK]) -> u64 {
    let all: u64 = header.iter().map(|&byte| u64::from(byte)).sum();
    let own: u64 = header[CHECKSUM].iter().map(|&byte| u64::from(byte)).sum();
    all - own + CHECKSUM.len() as u64 * u64::from(b' ')
}

fn octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?;
    u64::from_str_radix(text.trim_matches(['\0', ' ']), 8).ok()
}

/// False when there is less.
fn fill(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match input.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(name: &str, bytes: u64) -> Vec<u8> {
        let mut out = Vec::new();
        write_header(&mut out, name, bytes, 1_790_000_000).unwrap();
        out
    }

    #[test]
    fn what_is_written_is_read() {
        for bytes in [0, 1, 511, 512, 513, MAX_OCTAL, MAX_OCTAL + 1, 1 << 50] {
            let out = header("history.db", bytes);
            assert_eq!(out.len(), BLOCK);
            let name = "history.db".to_owned();
            let found = read_header(&mut out.as_slice()).unwrap();
            assert_eq!(found, Header::Entry(Entry { name, bytes }));
        }
        assert_eq!([0, 1, 511, 512, 513].map(padding), [0, 511, 1, 0, 511]);
    }

    #[test]
    fn what_is_no_header_is_told_apart() {
        let whole = header("a", 7);
        let found = |bytes: &[u8]| read_header(&mut { bytes }).unwrap();
        assert_eq!(found(&[0; BLOCK]), Header::End);
        assert_eq!(found(&whole[..511]), Header::Torn);
        assert_eq!(found(&[]), Header::Torn);
        assert_eq!(found(&[b'x'; BLOCK]), Header::Strange);
        let mut flipped = whole.clone();
        flipped[0] ^= 1;
        assert_eq!(found(&flipped), Header::Strange);
    }

    /// The fields, counted by hand from the standard.
    #[test]
    fn the_header_is_that_of_the_standard() {
        let out = header("a", 8);
        assert_eq!(&out[100..108], b"0000600\0");
        assert_eq!(&out[124..136], b"00000000010\0");
        assert_eq!(&out[156..157], b"0");
        assert_eq!(&out[257..265], b"ustar\x0000");
        assert_eq!(octal(&out[136..148]), Some(1_790_000_000));
    }
}
