//! The settings of the HTTP interface.

use std::net::{Ipv4Addr, SocketAddr};

use super::error::ConfigError;
use super::resolve::{Resolver, reloaded};
use super::section::CONNECTIONS_MAX;

/// More than one daemon can answer: the same as no limit.
const RATE_MAX: u32 = 1_000_000;

/// The longest name that DNS allows.
const HOST_MAX_BYTES: usize = 253;

#[derive(Clone, Debug, PartialEq)]
pub struct Http {
    pub listen: SocketAddr,
    /// Host names without a port, in lower case, allowed besides the loopback ones.
    pub allowed_hosts: Vec<String>,
    /// `scheme://host[:port]`, in lower case, allowed besides the loopback ones.
    pub allowed_origins: Vec<String>,
    pub max_connections: usize,
    pub require_key: RequireKey,
    /// Requests a second of one key, or of one address without a key.
    pub rate_limit: u32,
    /// Requests that may come at once.
    pub rate_burst: u32,
    /// Origins, as above, whose pages may show ours in a frame besides the loopback ones.
    pub frame_ancestors: Vec<String>,
}

/// When a request over TCP must carry a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequireKey {
    /// As soon as there is a key.
    Auto,
    Always,
}

impl Http {
    pub(super) fn read(r: &mut Resolver) -> Result<Http, ConfigError> {
        Ok(Http {
            listen: r.text(
                "http.listen",
                SocketAddr::from((Ipv4Addr::LOCALHOST, 4056)),
                "an address and a port, such as 127.0.0.1:4056",
                |text| text.parse().ok(),
                SocketAddr::to_string,
            )?,
            allowed_hosts: r.list(
                reloaded("http.allowed_hosts"),
                "a host without its port",
                parse_host,
            )?,
            allowed_origins: r.list(
                reloaded("http.allowed_origins"),
                "http:// or https:// and a host, without a path",
                parse_origin,
            )?,
            max_connections: r.count("http.max_connections", 1_024, 1..=CONNECTIONS_MAX)?,
            require_key: r.choice(
                reloaded("http.require_key"),
                ("auto", RequireKey::Auto),
                &[("auto", RequireKey::Auto), ("always", RequireKey::Always)],
            )?,
            // A page asks some ten times a second at most, and each hook of an agent once.
            rate_limit: r.count(reloaded("http.rate_limit"), 1_000, 1..=RATE_MAX)?,
            rate_burst: r.count(reloaded("http.rate_burst"), 2_000, 1..=RATE_MAX)?,
            frame_ancestors: r.list(
                reloaded("http.frame_ancestors"),
                "http:// or https:// and a host, without a path",
                parse_origin,
            )?,
        })
    }
}

fn parse_host(text: &str) -> Option<String> {
    let host = text.to_ascii_lowercase();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let ipv6 = |inner: &str| inner.contains(':') && inner.parse::<std::net::Ipv6Addr>().is_ok();
    let valid = match host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        Some(inner) => ipv6(inner),
        None => host.chars().all(plain),
    };
    (valid && (1..=HOST_MAX_BYTES).contains(&host.len())).then_some(host)
}

fn parse_origin(text: &str) -> Option<String> {
    let origin = text.to_ascii_lowercase();
    let authority = origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"))?;
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    parse_host(host)?;
    if let Some(port) = port {
        port.parse::<u16>().ok()?;
    }
    Some(origin)
}
