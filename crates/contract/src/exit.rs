//! Exit codes, those of `sysexits.h` where it has one.

pub const FAILED: u8 = 1;
pub const CORRUPT: u8 = 65;
pub const NO_REDIS: u8 = 69;
pub const CANNOT_CREATE: u8 = 73;
pub const ALREADY_RUNNING: u8 = 75;
pub const CONFIG: u8 = 78;

/// Each with what the help says of it. The parser of the command line chooses 2.
pub const MEANINGS: [(u8, &str); 8] = [
    (0, "done"),
    (FAILED, "failed; a line on standard error says why"),
    (2, "the command line was not understood"),
    (
        CORRUPT,
        "the journal, the history, a backup or a coding agent's settings file is damaged",
    ),
    (
        NO_REDIS,
        "Redis cannot be reached, or belongs to another daemon",
    ),
    (CANNOT_CREATE, "a file, folder or socket cannot be created"),
    (ALREADY_RUNNING, "another daemon runs on the data folder"),
    (CONFIG, "a setting is wrong"),
];
