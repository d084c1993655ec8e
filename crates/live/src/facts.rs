//! What a server says of itself, and whether it can serve us.

use super::error::Error;

/// What a server says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    pub version: String,
    pub is_valkey: bool,
    /// In bytes; 0 is no bound.
    pub maxmemory: u64,
    pub maxmemory_policy: String,
    pub used_memory: u64,
    /// Another one after each start of the server.
    pub run_id: String,
    /// Keys that it has dropped since that start, to make room.
    pub evicted_keys: u64,
    /// Whether it writes what it holds to an append-only file.
    pub is_appending: bool,
}

impl Facts {
    pub(super) fn read(info: &str) -> Result<Facts, Error> {
        let text = |name| {
            field(info, name).ok_or_else(|| Error::unfit(format!("INFO does not report {name}")))
        };
        let number = |name| {
            let text: &str = text(name)?;
            text.parse()
                .map_err(|_| Error::unfit(format!("INFO reports {name}:{text}")))
        };
        let valkey = field(info, "valkey_version");
        Ok(Facts {
            version: valkey.map_or_else(|| text("redis_version"), Ok)?.to_owned(),
            is_valkey: valkey.is_some(),
            maxmemory: number("maxmemory")?,
            maxmemory_policy: text("maxmemory_policy")?.to_owned(),
            used_memory: number("used_memory")?,
            run_id: text("run_id")?.to_owned(),
            evicted_keys: number("evicted_keys")?,
            is_appending: field(info, "aof_enabled") == Some("1"),
        })
    }

    pub(super) fn are_fit(&self) -> Result<(), Error> {
        let (name, least) = if self.is_valkey {
            ("Valkey", (7, 2))
        } else {
            ("Redis", (7, 0))
        };
        if major_minor(&self.version) < Some(least) {
            return Err(Error::unfit(format!(
                "this is {name} {}, and {}.{} is the oldest that refuses a script whole when its \
                 memory is full",
                self.version, least.0, least.1
            )));
        }
        if self.maxmemory_policy != "noeviction" {
            return Err(Error::unfit(format!(
                "its maxmemory-policy is {}, which drops counts silently: set it to noeviction",
                self.maxmemory_policy
            )));
        }
        Ok(())
    }
}

pub(super) fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
}

fn major_minor(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??))
}
