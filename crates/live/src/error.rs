//! Why Redis did not do what it was asked, as far as it decides what to do next.

use std::fmt;

use fred::error::{Error as Cause, ErrorKind};

/// Says what happened in one line. Predicates say what it means; a time-out is no proof that
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
    Denied,
    Unfit,
    Inexact,
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

    /// It does not let its user in, or not do this. Its administrator may change that while
    /// the daemon runs.
    pub fn is_denied(&self) -> bool {
        self.kind == Kind::Denied
    }

    /// This server, or the way to it, cannot serve us as it is configured.
    pub fn is_unfit(&self) -> bool {
        self.kind == Kind::Unfit
    }

    /// It holds a sum that is larger than it can hold exactly: history knows it.
    pub fn is_inexact(&self) -> bool {
        self.kind == Kind::Inexact
    }

    /// Something else is wrong, a key of another type for instance: only a rebuild helps.
    pub fn is_broken(&self) -> bool {
        self.kind == Kind::Broken
    }

    pub(super) fn denied(message: impl Into<String>) -> Error {
        Error {
            kind: Kind::Denied,
            message: message.into(),
        }
    }

    pub(super) fn unfit(message: impl Into<String>) -> Error {
        Error {
            kind: Kind::Unfit,
            message: message.into(),
        }
    }

    pub(super) fn inexact(message: impl Into<String>) -> Error {
        Error {
            kind: Kind::Inexact,
            message: message.into(),
        }
    }

    pub(super) fn broken(message: impl Into<String>) -> Error {
        Error {
            kind: Kind::Broken,
            message: message.into(),
        }
    }

    /// The same, with more to say.
    pub(super) fn with(self, more: &str) -> Error {
        Error {
            message: format!("{}; {more}", self.message),
            ..self
        }
    }

    pub(super) fn away(message: impl Into<String>) -> Error {
        Error {
            kind: Kind::Away,
            message: message.into(),
        }
    }
}

/// The client has no kinds for most of what a server answers: the first word decides. Only what a
/// wait cannot cure is broken. Nearly every word names a state that the server is in, and it
/// may leave that by itself or by its operator's hand.
impl From<Cause> for Error {
    fn from(cause: Cause) -> Error {
        let details = cause.details();
        let kind = match details.split(' ').next().unwrap_or_default() {
            "LOADING" => Kind::Loading,
            "OOM" => Kind::OutOfMemory,
            "READONLY" | "MISCONF" | "NOREPLICAS" => Kind::ReadOnly,
            "NOAUTH" | "WRONGPASS" | "NOPERM" | "DENIED" => Kind::Denied,
            "CROSSSLOT" | "NOPROTO" => Kind::Unfit,
            "WRONGTYPE" => Kind::Broken,
            "ERR" => without_a_word(details),
            word if is_code(word) => Kind::Away,
            _ => match cause.kind() {
                ErrorKind::IO
                | ErrorKind::Timeout
                | ErrorKind::Canceled
                | ErrorKind::Routing
                | ErrorKind::Backpressure
                | ErrorKind::Protocol
                | ErrorKind::Tls
                | ErrorKind::Auth
                // The client's own words about a connection that it lost.
                | ErrorKind::Unknown => Kind::Away,
                ErrorKind::Config | ErrorKind::Url => Kind::Unfit,
                _ => Kind::Broken,
            },
        };
        Error {
            kind,
            message: details.to_owned(),
        }
    }
}

/// Of errors that have no word of their own, by how they begin.
fn without_a_word(details: &str) -> Kind {
    const KINDS: [(&str, Kind); 8] = [
        ("max number of clients", Kind::Away),
        ("The user executing the script can't", Kind::Denied),
        ("invalid password", Kind::Denied),
        ("AUTH <password> called without", Kind::Denied),
        ("Client sent AUTH", Kind::Denied),
        ("DB index is out of range", Kind::Unfit),
        ("invalid DB index", Kind::Unfit),
        ("unknown command", Kind::Unfit),
    ];
    let details = details.trim_start_matches("ERR ");
    let known = KINDS.iter().find(|(begin, _)| details.starts_with(begin));
    known.map_or(Kind::Broken, |(_, kind)| *kind)
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
            Kind::Denied => "Redis refuses its user",
            Kind::Unfit => "Redis cannot be used",
            Kind::Inexact => "Redis does not hold it exactly",
            Kind::Broken => "the live view in Redis is broken",
        };
        write!(f, "{what}: {}", self.message)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_no_wait_mends_is_broken() {
        use Kind::*;
        for (details, kind) in [
            ("LOADING Redis is loading the dataset in memory", Loading),
            (
                "OOM command not allowed when used memory > 'maxmemory'.",
                OutOfMemory,
            ),
            (
                "READONLY You can't write against a read only replica.",
                ReadOnly,
            ),
            (
                "MISCONF Errors writing to the AOF file: No space left on device",
                ReadOnly,
            ),
            ("NOREPLICAS Not enough good replicas to write.", ReadOnly),
            ("NOAUTH Authentication required.", Denied),
            (
                "WRONGPASS invalid username-password pair or user is disabled.",
                Denied,
            ),
            (
                "NOPERM this user has no permissions to run the 'info' command",
                Denied,
            ),
            ("DENIED Redis is running in protected mode", Denied),
            (
                "ERR The user executing the script can't run this command",
                Denied,
            ),
            ("ERR Client sent AUTH, but no password is set", Denied),
            ("ERR invalid password", Denied),
            ("BUSY Redis is busy running a script.", Away),
            ("MASTERDOWN Link with MASTER is down", Away),
            ("CLUSTERDOWN Hash slot not served", Away),
            (
                "TRYAGAIN Multiple keys request during rehashing of slot",
                Away,
            ),
            ("MOVED 3999 127.0.0.1:6381", Away),
            ("ASK 3999 127.0.0.1:6381", Away),
            ("NOSCRIPT No matching script.", Away),
            ("UNBLOCKED client unblocked", Away),
            ("ERR max number of clients reached", Away),
            (
                "CROSSSLOT Keys in request don't hash to the same slot",
                Unfit,
            ),
            ("NOPROTO unsupported protocol version", Unfit),
            ("ERR DB index is out of range", Unfit),
            (
                "ERR unknown command 'EVALSHA', with args beginning with: ",
                Unfit,
            ),
            ("WRONGTYPE Operation against a key", Broken),
            ("ERR value is not an integer or out of range", Broken),
        ] {
            let error = Error::from(Cause::new(ErrorKind::Unknown, details));
            assert_eq!(error.kind, kind, "{details}");
            assert_eq!(error.is_broken(), kind == Broken, "{details}");
        }
    }
}
