//! Where the server's program is.

use std::path::{Path, PathBuf};

use super::error::Error;

/// Looked for in `PATH`, in this order.
const PROGRAMS: [&str; 2] = ["valkey-server", "redis-server"];

pub fn find(configured: Option<&Path>) -> Result<PathBuf, Error> {
    if let Some(program) = configured {
        return if program.is_file() {
            Ok(program.to_owned())
        } else {
            Err(Error::other(format!(
                "redis.server {}: no such program",
                program.display()
            )))
        };
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let programs = PROGRAMS.iter().flat_map(|name| {
        std::env::split_paths(&folders)
            .map(move |folder| folder.join(name))
            .collect::<Vec<_>>()
    });
    programs
        .into_iter()
        .find(|program| program.is_file())
        .ok_or_else(|| {
            Error::other(
                "neither valkey-server nor redis-server is in PATH: make setup installs one, or \
                 give --redis URL",
            )
        })
}
