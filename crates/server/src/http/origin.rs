//! Which hosts and origins are accepted. A foreign page in a browser must not read what runs here,
//! nor send events: neither by a DNS name that it points at this machine (its Host shows it) nor
//! under its own name (its Origin shows it).

use std::net::{Ipv4Addr, Ipv6Addr};

use axum::http::header::{HOST, HeaderValue, ORIGIN};
use axum::http::{Request, Version};

use super::error::HttpError;
use agentpulse_api::code::Code;

/// The hosts and origins that are accepted besides loopback.
#[derive(Clone, Debug, Default)]
pub struct OriginPolicy {
    hosts: Vec<String>,
    origins: Vec<String>,
}

impl OriginPolicy {
    /// `hosts` without a port; `origins` with scheme, host and port as a browser sends them.
    pub fn new(hosts: &[String], origins: &[String]) -> OriginPolicy {
        let lower = |text: &String| text.trim_end_matches('/').to_ascii_lowercase();
        OriginPolicy {
            hosts: hosts.iter().map(lower).collect(),
            origins: origins.iter().map(lower).collect(),
        }
    }

    /// # Errors
    /// 421 for an unknown host, 403 for an origin that is not allowed, 400 if the host is missing
    /// or named twice.
    pub fn check<B>(&self, request: &Request<B>) -> Result<(), HttpError> {
        for host in hosts(request)? {
            if !self.is_own_host(host) {
                let message = "the daemon is not configured for this host";
                return Err(HttpError::new(Code::UnknownHost, message));
            }
        }
        for origin in request.headers().get_all(ORIGIN) {
            if !origin
                .to_str()
                .is_ok_and(|origin| self.is_own_origin(origin))
            {
                let message = "pages of this origin are not allowed";
                return Err(HttpError::new(Code::ForbiddenOrigin, message));
            }
        }
        Ok(())
    }

    fn is_own_host(&self, host: &str) -> bool {
        let Some(name) = without_port(host) else {
            return false;
        };
        is_loopback(name) || self.hosts.iter().any(|own| name.eq_ignore_ascii_case(own))
    }

    fn is_own_origin(&self, origin: &str) -> bool {
        let host = origin
            .strip_prefix("http://")
            .or_else(|| origin.strip_prefix("https://"));
        host.and_then(without_port).is_some_and(is_loopback)
            || self
                .origins
                .iter()
                .any(|own| origin.eq_ignore_ascii_case(own))
    }
}

/// The host by each header, and the one in the request's line, which a proxy may write.
fn hosts<B>(request: &Request<B>) -> Result<impl Iterator<Item = &str>, HttpError> {
    let mut headers = request.headers().get_all(HOST).iter();
    let host = match headers.next().map(HeaderValue::to_str) {
        Some(Ok(host)) => Some(host),
        None if request.version() == Version::HTTP_10 => None,
        _ => return Err(bad_host()),
    };
    if headers.next().is_some() {
        return Err(bad_host());
    }
    let authority = request
        .uri()
        .authority()
        .map(|authority| authority.as_str());
    Ok(host.into_iter().chain(authority))
}

fn bad_host() -> HttpError {
    HttpError::new(Code::InvalidHost, "a request must name its host, once")
}

/// Returns None if the text is no host and port.
fn without_port(host: &str) -> Option<&str> {
    let end = match host.strip_prefix('[') {
        Some(rest) => rest.find(']')? + 2,
        None => host.find(':').unwrap_or(host.len()),
    };
    let (name, port) = host.split_at(end);
    let is_port = match port.strip_prefix(':') {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_digit()),
        None => port.is_empty(),
    };
    is_port.then_some(name)
}

fn is_loopback(name: &str) -> bool {
    if let Some(address) = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
    {
        return address
            .parse::<Ipv6Addr>()
            .is_ok_and(|address| address.is_loopback());
    }
    name.eq_ignore_ascii_case("localhost")
        || name
            .parse::<Ipv4Addr>()
            .is_ok_and(|address| address.is_loopback())
}
