//! Why the daemon does not run, and its exit codes.

pub const EXIT_CORRUPT: u8 = 65;
pub const EXIT_NO_REDIS: u8 = 69;
pub const EXIT_CANNOT_CREATE: u8 = 73;
pub const EXIT_ALREADY_RUNNING: u8 = 75;
pub const EXIT_CONFIG: u8 = 78;

/// Why the daemon does not run, in one line, with the exit code.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    pub code: u8,
    pub message: String,
}

impl Failure {
    pub fn new(code: u8, message: impl Into<String>) -> Failure {
        Failure {
            code,
            message: message.into(),
        }
    }
}

pub fn cannot_create(what: &str) -> impl Fn(std::io::Error) -> Failure {
    move |error| Failure::new(EXIT_CANNOT_CREATE, format!("{what}: {error}"))
}
