//! Why a key or a ticket is not given.

use super::key::MAX_KEYS;
use crate::sqlite;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    Store(#[from] sqlite::Error),
    #[error("a key's name must be 1..=64 letters, digits, dots, dashes and underscores")]
    Name,
    #[error("there is already a key named {0}")]
    NameTaken(String),
    #[error("there are {MAX_KEYS} keys: revoke one")]
    TooManyKeys,
    #[error("there is no key {0}")]
    Unknown(String),
    #[error("too many tickets are not used yet")]
    TooManyTickets,
    #[error("no random numbers: {0}")]
    NoRandom(String),
}
