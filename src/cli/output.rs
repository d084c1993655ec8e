//! How something is written to standard output.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use super::failure::{Failure, io_failed};
use super::text::{escaped, shown};

/// Writes a line of JSON to standard output.
pub fn print_json(json: impl Display) -> Result<(), Failure> {
    print(&escaped(&format!("{json}\n")))
}

/// Writes to standard output. Text of others is harmless on a terminal, whatever it is part of.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let harmless = out.is_terminal().then(|| shown(text));
    let text = harmless.as_deref().unwrap_or(text);
    written(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// A reader that ends early (`| head`) is no failure.
pub fn written(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(io_failed("standard output", &error))
        }
        _ => Ok(()),
    }
}
