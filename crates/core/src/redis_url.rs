//! Where a Redis is, as a URL says it, and what must not be shown of it.
//!
//! `redis://[user:password@]host[:port][/database]`, `rediss://…` for TLS, and
//! `unix://[user:password@]/path[?db=database]`. What is written in per cent (`%40` for `@`) is
//! decoded, but in a host.

use core::net::Ipv6Addr;
use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;

const DEFAULT_PORT: u16 = 6379;

/// Shows itself without its password.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl {
    text: String,
    pub place: Place,
    pub user: Option<String>,
    pub password: Option<String>,
    /// Nothing is the first.
    pub database: Option<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Tcp { host: String, port: u16, tls: bool },
    Unix(PathBuf),
}

impl RedisUrl {
    /// Returns None if the text is of none of the forms, or says more than they do: what is not
    /// understood must not be left out silently.
    pub fn parse(text: &str) -> Option<RedisUrl> {
        if !text.chars().all(|c| c.is_ascii_graphic() && c != '#') {
            return None;
        }
        let (scheme, rest) = text.split_once("://")?;
        let (rest, query) = match rest.split_once('?') {
            Some((rest, query)) => (rest, Some(query)),
            None => (rest, None),
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (user_info, host) = match authority.rsplit_once('@') {
            Some((user_info, host)) => (Some(user_info), host),
            None => (None, authority),
        };
        let (place, database) = match scheme {
            "redis" | "rediss" if query.is_none() => {
                let (host, port) = host_and_port(host)?;
                let tls = scheme == "rediss";
                (Place::Tcp { host, port, tls }, path.get(1..))
            }
            "unix" if host.is_empty() && path.len() > 1 => {
                let bytes: Vec<u8> = percent_decode_str(path).collect();
                let path = PathBuf::from(OsString::from_vec(bytes));
                let database = query.map(|query| query.strip_prefix("db="));
                (
                    Place::Unix(path),
                    database.map_or(Some(None), |db| db.map(Some))?,
                )
            }
            _ => return None,
        };
        let database = match database {
            None | Some("") => None,
            Some(database) => Some(digits(database)?),
        };
        let (user, password) = user_info.map_or(Some((None, None)), user_and_password)?;
        Some(RedisUrl {
            text: text.to_owned(),
            place,
            user,
            password,
            database,
        })
    }

    /// A socket, whatever letters its path has.
    pub fn of_socket(path: &Path) -> RedisUrl {
        RedisUrl {
            text: format!("unix://{}", path.display()),
            place: Place::Unix(path.to_owned()),
            user: None,
            password: None,
            database: None,
        }
    }

    /// As it was written, with its password: to be compared, not to be shown.
    pub fn written(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            // A path may hold what looks like a password.
            Place::Unix(_) if self.password.is_none() => f.write_str(&self.text),
            _ => f.write_str(&mask_password(&self.text)),
        }
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A user alone would be left out by the client.
fn user_and_password(text: &str) -> Option<(Option<String>, Option<String>)> {
    let (user, password) = text.split_once(':')?;
    let decoded = |text| {
        let text = percent_decode_str(text).decode_utf8().ok()?;
        Some(Some(text.into_owned()).filter(|text| !text.is_empty()))
    };
    let (user, password) = (decoded(user)?, decoded(password)?);
    (user.is_none() || password.is_some()).then_some((user, password))
}

fn host_and_port(text: &str) -> Option<(String, u16)> {
    let is_name = |host: &str| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        !host.is_empty() && host.chars().all(is_plain)
    };
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            let address: Ipv6Addr = address.parse().ok()?;
            (
                address.to_string(),
                port.strip_prefix(':').or(port.is_empty().then_some("")),
            )
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host.to_owned(), Some(port)),
            None => (text.to_owned(), Some("")),
        },
    };
    let port = match port? {
        "" => DEFAULT_PORT,
        port => digits(port).filter(|&port| port > 0)?,
    };
    (text.starts_with('[') || is_name(&host)).then_some((host, port))
}

/// Without a sign, which `parse` would take.
fn digits<T: std::str::FromStr>(text: &str) -> Option<T> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}

/// Hides what may be a secret, rather too much than too little: everything before the last
/// `@` but a user's name, and all parameters, of which one may be `sentinelPassword`.
pub fn mask_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return "***".to_owned();
    };
    let (user_info, host) = match rest.rsplit_once('@') {
        Some((user_info, host)) => (Some(user_info), host),
        None => (None, rest),
    };
    let host = match host.split_once('?') {
        Some((host, _)) => format!("{host}?***"),
        None => host.to_owned(),
    };
    match user_info.map(|info| info.split_once(':')) {
        None => format!("{scheme}://{host}"),
        Some(Some((user, _))) => format!("{scheme}://{user}:***@{host}"),
        Some(None) => format!("{scheme}://***@{host}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_form_is_read() {
        let tcp = |host: &str, port, tls| Place::Tcp {
            host: host.to_owned(),
            port,
            tls,
        };
        let unix = |path: &str| Place::Unix(PathBuf::from(path));
        for (text, place, user, password, database) in [
            ("redis://h", tcp("h", 6379, false), None, None, None),
            ("redis://h/", tcp("h", 6379, false), None, None, None),
            ("rediss://h.x:1/0", tcp("h.x", 1, true), None, None, Some(0)),
            (
                "redis://[::1]:7/15",
                tcp("::1", 7, false),
                None,
                None,
                Some(15),
            ),
            ("redis://:p@h", tcp("h", 6379, false), None, Some("p"), None),
            (
                "redis://u:p%40@h",
                tcp("h", 6379, false),
                Some("u"),
                Some("p@"),
                None,
            ),
            (
                "redis://u:p@q@h",
                tcp("h", 6379, false),
                Some("u"),
                Some("p@q"),
                None,
            ),
            ("redis://:@h", tcp("h", 6379, false), None, None, None),
            ("unix:///a/r.sock", unix("/a/r.sock"), None, None, None),
            (
                "unix:///a%20%5b1%5D/@/s",
                unix("/a [1]/@/s"),
                None,
                None,
                None,
            ),
            (
                "unix://u:p@/s?db=3",
                unix("/s"),
                Some("u"),
                Some("p"),
                Some(3),
            ),
            ("unix://:p@/s", unix("/s"), None, Some("p"), None),
        ] {
            let url = RedisUrl::parse(text).unwrap_or_else(|| panic!("{text}"));
            let words = (url.user.as_deref(), url.password.as_deref(), url.database);
            assert_eq!(
                (&url.place, words),
                (&place, (user, password, database)),
                "{text}"
            );
        }
    }

    #[test]
    fn unsupported_urls_are_refused() {
        for text in [
            "",
            "h",
            "h:1",
            "http://h",
            "redis-cluster://h",
            "redis://",
            "redis://:1",
            "redis://h:0",
            "redis://h:x",
            "redis://h:65536",
            "redis://h:+1",
            "redis://h/x",
            "redis://h/256",
            "redis://h/-1",
            "redis://h/1/2",
            "redis://h?db=1",
            "redis://h#1",
            "redis://h i",
            "redis://u@h",
            "redis://u:@h",
            "redis://u:%ff@h",
            "redis://[::1",
            "redis://[h]",
            "redis://[::1]x",
            "redis://h,i",
            "redis://:x@a:b",
            "unix://",
            "unix:///",
            "unix://s",
            "unix://h/s",
            "unix://u:p@h/s",
            "unix:///s?password=p",
            "unix:///s?db=x",
            "unix:///s?",
        ] {
            assert_eq!(RedisUrl::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        for (text, expect) in [
            ("redis://me:s3cret@h:1/2", "redis://me:***@h:1/2"),
            ("redis://:s3cret@h", "redis://:***@h"),
            ("redis://me:s3c@s3cret@h", "redis://me:***@h"),
            ("unix://me:s3cret@/s?db=1", "unix://me:***@/s?***"),
            ("unix:///a@b:c/s", "unix:///a@b:c/s"),
        ] {
            let url = RedisUrl::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(
                (url.to_string(), format!("{url:?}")),
                (expect.to_owned(), expect.to_owned())
            );
        }
        assert_eq!(mask_password("redis://s3cret@h"), "redis://***@h");
        assert_eq!(mask_password("redis://h?password=s3cret"), "redis://h?***");
    }
}
