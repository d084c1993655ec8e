//! SHA-256 of what is read.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

/// Read at once.
const BUFFER_BYTES: usize = 64 * 1024;

/// Passes on what it reads.
pub struct Hashing<R> {
    input: R,
    hash: Sha256,
}

impl<R> Hashing<R> {
    pub fn new(input: R) -> Hashing<R> {
        Hashing {
            input,
            hash: Sha256::new(),
        }
    }

    /// Of what was read, in hexadecimal.
    pub fn finish(self) -> String {
        let digest = self.hash.finalize();
        digest.iter().map(|b| format!("{b:02x}")).collect()
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.hash.update(&buffer[..read]);
        Ok(read)
    }
}

/// The size and the hash of a file.
pub fn sha256(path: &Path) -> io::Result<(u64, String)> {
    let mut input = Hashing::new(File::open(path)?);
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut bytes = 0;
    loop {
        match input.read(&mut buffer)? {
            0 => return Ok((bytes, input.finish())),
            read => bytes += read as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of FIPS 180-2.
    #[test]
    fn it_is_that_of_the_standard() {
        let mut input = Hashing::new(&b"abc"[..]);
        io::copy(&mut input, &mut io::sink()).unwrap();
        let wanted = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(input.finish(), wanted);
    }
}
