//! Why a command ends without success: one line for a person, one code for a script.

use std::fmt::Display;
use std::io;

use super::text::clean;
use agentpulse_client::AskError;
use agentpulse_contract::exit;
use agentpulse_server::daemon;

#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    pub code: u8,
    pub message: String,
}

impl Failure {
    pub fn new(code: u8, message: impl Into<String>) -> Failure {
        let message = message.into();
        Failure { code, message }
    }
}

impl From<daemon::Failure> for Failure {
    fn from(daemon::Failure { code, message }: daemon::Failure) -> Failure {
        Failure { code, message }
    }
}

impl From<AskError> for Failure {
    fn from(error: AskError) -> Failure {
        failed(error)
    }
}

/// The general case.
pub fn failed(message: impl Display) -> Failure {
    Failure::new(exit::FAILED, message.to_string())
}

/// What was being done, and what the system said.
pub fn io_failed(doing: impl Display, error: &io::Error) -> Failure {
    failed(format_args!("{doing}: {error}"))
}

/// The message as one line, whatever it quotes, with nothing in it that a terminal obeys.
pub fn one_line(failure: &Failure) -> String {
    let lines = failure.message.lines().map(str::trim);
    let lines: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    clean(&lines.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line() {
        assert_eq!(
            one_line(&failed("bad file\n  at line 3\n\n")),
            "bad file; at line 3"
        );
        assert_eq!(one_line(&failed("no \u{1b}[2Jx\u{9b}\u{202e}")), "no [2Jx");
    }
}
