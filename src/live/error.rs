//! Why Redis did not do what it was asked, as far as it decides what to do next.

use std::fmt;

use fred::error::{Error as Cause, ErrorKind};

/// Says what happened in one line. Predicates tell what it means; a time-out is no proof that
/// nothing was written.
#[derive(Clone, Debug)]
pub struct Error {
    kind: Kind,
    message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Away,
    Loading,
    OutOfMemory,
    ReadOnly,
    Unfit,
    Broken,
}

impl Error {
    /// It is not to be reached or does not answer; later it may.
    pub fn is_away(&self) -> bool {
        self.kind == Kind::Away
    }

    /// It reads its files after a start.
    pub fn is_loading(&self) -> bool {
        self.kind == Kind::Loading
    }

    /// It is over its `maxmemory`; nothing was written.
    pub fn is_out_of_memory(&self) -> bool {
        self.kind == Kind::OutOfMemory
    }

    /// It takes no writes at present: a replica, or one whose disk fails.
    pub fn is_read_only(&self) -> bool {
        self.kind == Kind::ReadOnly
    }

    /// This server, or the way to it, cannot serve us as it is configured.
    pub fn is_unfit(&self) -> bool {
        self.kind == Kind::Unfit
    }

    /// Something else is wrong, a key of another type for instance: only a rebuild helps.
    pub fn is_broken(&self) -> bool {
        self.kind == Kind::Broken
    }

    pub(super) fn unfit(message: impl Into<String>) -> Error {
        Error {
            kind: Kind::Unfit,
            message: message.into(),
        }
    }

    pub(super) fn broken(message: impl Into<String>) -> Error {
        Error {
            kind: Kind::Broken,
            message: message.into(),
        }
    }

    pub(super) fn away(message: impl Into<String>) -> Error {
        Error {
            kind: Kind::Away,
            message: message.into(),
        }
    }
}

/// The client has no kinds for most of what a server answers: the first word decides.
impl From<Cause> for Error {
    fn from(cause: Cause) -> Error {
        let code = cause.details().split(' ').next().unwrap_or_default();
        let kind = match code {
            "LOADING" => Kind::Loading,
            "OOM" => Kind::OutOfMemory,
            "READONLY" | "MISCONF" | "NOREPLICAS" => Kind::ReadOnly,
            "BUSY" | "MASTERDOWN" | "CLUSTERDOWN" | "TRYAGAIN" | "NOSCRIPT" => Kind::Away,
            _ => match cause.kind() {
                ErrorKind::IO
                | ErrorKind::Timeout
                | ErrorKind::Canceled
                | ErrorKind::Routing
                | ErrorKind::Backpressure
                | ErrorKind::Protocol
                | ErrorKind::Tls
                | ErrorKind::Auth => Kind::Away,
                ErrorKind::Config | ErrorKind::Url => Kind::Unfit,
                // The client's own words about a connection that it lost.
                ErrorKind::Unknown if !is_code(code) => Kind::Away,
                _ => Kind::Broken,
            },
        };
        Error {
            kind,
            message: cause.details().to_owned(),
        }
    }
}

/// A server's error begins with a word in capitals.
fn is_code(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_uppercase())
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            Kind::Away => "Redis is away",
            Kind::Loading => "Redis is loading",
            Kind::OutOfMemory => "Redis is out of memory",
            Kind::ReadOnly => "Redis takes no writes",
            Kind::Unfit => "Redis cannot be used",
            Kind::Broken => "the live picture in Redis is broken",
        };
        write!(f, "{what}: {}", self.message)
    }
}

impl std::error::Error for Error {}
