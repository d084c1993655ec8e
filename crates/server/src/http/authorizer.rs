//! Authentication, authorization and rate limits of requests over TCP. As soon as there is a key,
//! every request needs one.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::header::{CONNECTION, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{Method, Request};
use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;

use super::credential::{Credential, credential, remove_credentials};
use super::error::HttpError;
use super::limit::{Buckets, Client};
use super::seat::Seat;
use super::tasks;
use agentpulse_api::code::Code;
use agentpulse_api::endpoint::Endpoint;
use agentpulse_pipeline::address::Network;
use agentpulse_pipeline::clock::now_ms;
use agentpulse_pipeline::connection_slots::{ConnectionHolder, Full, Rank};
use agentpulse_pipeline::counters::Counters;
use agentpulse_reports::registry::{REFRESH, REFRESH_ALSO};
use agentpulse_reports::selection::Ask;
use agentpulse_store::access::{Access, Actor, Grant, Scope};

/// The files of the page, which hold no numbers.
const PAGE_FILES: &str = "/assets/";
/// It describes the API and holds no data.
const DOCUMENT: &str = "/api/openapi.json";
/// The same is below `/api`.
const DEFINITIONS: &str = "/registry/agents";

pub struct Authorizer {
    access: Arc<Access>,
    counters: Arc<Counters>,
    /// Whether a key is required even while none exists.
    always: bool,
    buckets: Mutex<Buckets>,
}

/// What a route requires of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requirement {
    Nothing,
    /// With any scope.
    AnyKey,
    Scope(Scope),
}

impl Requirement {
    /// A route that is not listed here requires a key, too.
    pub fn of(method: &Method, path: &str) -> Requirement {
        let is_read = matches!(*method, Method::GET | Method::HEAD);
        match path {
            "/" | "/health" | "/ready" | "/version" | DOCUMENT if is_read => Requirement::Nothing,
            _ if is_read && path.starts_with(PAGE_FILES) => Requirement::Nothing,
            "/api/audit" => Requirement::Scope(Scope::Admin),
            "/api/tickets" => Requirement::AnyKey,
            _ if !is_read && is_of_definitions(path) => Requirement::Scope(Scope::Admin),
            _ if !is_read && tasks::is_of_people(method, path) => Requirement::Scope(Scope::Admin),
            _ if !is_read && tasks::is_of_tasks(path) => Requirement::Scope(Scope::Work),
            REFRESH | REFRESH_ALSO | Ask::PATH => Requirement::Scope(Scope::Read),
            _ if is_read => Requirement::Scope(Scope::Read),
            _ => Requirement::Scope(Scope::Ingest),
        }
    }

    /// Routes that depend on which key is used are never open, even on loopback.
    pub fn is_open_without_keys(self) -> bool {
        let open = [Scope::Read, Scope::Ingest, Scope::Work];
        matches!(self, Requirement::Scope(scope) if open.contains(&scope))
    }
}

/// The definitions, or one of them.
fn is_of_definitions(path: &str) -> bool {
    let rest = path.strip_prefix("/api").unwrap_or(path);
    let rest = rest.strip_prefix(DEFINITIONS);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Why a request is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No key, or one that is not valid: the answer does not say which of the two.
    Unauthorized,
    Forbidden,
    TooMany {
        retry_after_s: u64,
    },
    /// All connections are busy.
    NoRoom,
}

impl Refusal {
    fn code(self) -> Code {
        match self {
            Refusal::Unauthorized => Code::Unauthorized,
            Refusal::Forbidden => Code::Forbidden,
            Refusal::TooMany { .. } => Code::TooManyRequests,
            Refusal::NoRoom => Code::TooManyConnections,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let message = match self {
            Refusal::Unauthorized => {
                "an API key is needed, as Authorization: Bearer or as X-API-Key"
            }
            Refusal::Forbidden => "the key lacks the scope for this",
            Refusal::TooMany { .. } => "too many requests",
            Refusal::NoRoom => "http.max_connections are busy: try again later",
        };
        let mut response = HttpError::new(self.code(), message).into_response();
        let headers = response.headers_mut();
        match self {
            Refusal::Unauthorized => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Refusal::TooMany { retry_after_s } => {
                headers.insert(RETRY_AFTER, HeaderValue::from(retry_after_s));
            }
            Refusal::NoRoom => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
                // Once the answer is written the connection is idle, and may be closed for another.
                headers.insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Refusal::Forbidden => {}
        }
        response
    }
}

impl Authorizer {
    /// `rate_limit` is in requests a second. `always` requires keys while there are none.
    pub fn new(
        access: Arc<Access>,
        counters: Arc<Counters>,
        always: bool,
        rate_limit: u32,
        rate_burst: u32,
    ) -> Authorizer {
        Authorizer {
            access,
            counters,
            always,
            buckets: Mutex::new(Buckets::new(rate_limit, rate_burst)),
        }
    }

    /// Accepts a request: removes its credentials and adds the [`Grant`] that they are worth.
    ///
    /// # Errors
    /// The refusal; it is counted and recorded in the audit trail.
    pub fn authorize<B>(&self, peer: IpAddr, request: &mut Request<B>) -> Result<(), Refusal> {
        let grant = match self.grant(peer, request) {
            Ok(grant) => grant,
            Err((refusal, grant)) => {
                self.refused(peer, grant.as_ref(), refusal.code());
                return Err(refusal);
            }
        };
        let holder = match &grant {
            Some(grant) => ConnectionHolder::Key(grant.id().to_owned()),
            None => ConnectionHolder::Network(Network::of(peer)),
        };
        self.admit(request, &holder)?;
        request.extensions_mut().insert(holder);
        remove_credentials(request);
        let requirement = Requirement::of(request.method(), request.uri().path());
        if let Some(grant) = grant {
            if requirement == Requirement::Scope(Scope::Admin) {
                let actor = grant.actor(Network::of(peer).to_string());
                request.extensions_mut().insert(actor);
            }
            request.extensions_mut().insert(grant);
        }
        Ok(())
    }

    /// Gives the request a place among the busy connections. Tests have no connection.
    fn admit<B>(&self, request: &Request<B>, holder: &ConnectionHolder) -> Result<(), Refusal> {
        let Some(seat) = request.extensions().get::<Seat>() else {
            return Ok(());
        };
        let rank = match is_counted(request.uri().path()) {
            true => holder.rank(),
            false => Rank::Probe,
        };
        seat.admit(holder.clone(), rank).map_err(|Full| {
            self.counters.http_connections_refused.add(1);
            Refusal::NoRoom
        })
    }

    fn grant<B>(
        &self,
        peer: IpAddr,
        request: &Request<B>,
    ) -> Result<Option<Grant>, (Refusal, Option<Grant>)> {
        let path = request.uri().path();
        let requirement = Requirement::of(request.method(), path);
        if !is_counted(path) && requirement == Requirement::Nothing {
            return Ok(None);
        }
        let (now, now_ms) = (Instant::now(), now_ms());
        let grant = match credential(request) {
            _ if requirement == Requirement::Nothing => None,
            None => None,
            Some(Credential::Key(text)) => self.access.verify(text, now_ms),
            Some(Credential::Ticket(text)) => self.access.redeem(text, now, now_ms),
        };
        if let Err(refusal) = self.take(client(peer, grant.as_ref()), now) {
            return Err((refusal, grant));
        }
        match (requirement, &grant) {
            (Requirement::Nothing, _) | (Requirement::AnyKey, Some(_)) => Ok(grant),
            (Requirement::Scope(scope), Some(held)) if held.opens(scope) => Ok(grant),
            (Requirement::Scope(_), Some(_)) => Err((Refusal::Forbidden, grant)),
            (requirement, None) if requirement.is_open_without_keys() && !self.asks_for_keys() => {
                Ok(None)
            }
            (_, None) => Err((Refusal::Unauthorized, None)),
        }
    }

    /// Counts a request that is answered before it is authorized.
    ///
    /// # Errors
    /// The refusal of one too many; it is counted and recorded in the audit trail.
    pub fn count(&self, peer: IpAddr, client: Client, path: &str) -> Result<(), Refusal> {
        if !is_counted(path) {
            return Ok(());
        }
        let taken = self.take(client, Instant::now());
        taken.inspect_err(|refusal| self.refused(peer, None, refusal.code()))
    }

    fn take(&self, client: Client, now: Instant) -> Result<(), Refusal> {
        let mut buckets = self.buckets.lock();
        let taken = buckets.take(client, now);
        taken.map_err(|wait| Refusal::TooMany {
            retry_after_s: whole_seconds(wait),
        })
    }

    fn asks_for_keys(&self) -> bool {
        self.always || self.access.has_keys()
    }

    /// Waits until keys are required: a connection without one must end then.
    pub async fn keys_needed(&self) {
        if !self.always {
            self.access.keyed().await;
        }
    }

    /// Counts a refusal, also one of the origin policy, and records it in the audit trail.
    pub fn refused(&self, peer: IpAddr, grant: Option<&Grant>, reason: Code) {
        let counter = match reason {
            Code::Unauthorized => &self.counters.http_unauthorized,
            Code::Forbidden => &self.counters.http_forbidden,
            Code::TooManyRequests => &self.counters.http_rate_limited,
            _ => &self.counters.http_origin_rejected,
        };
        counter.add(1);
        let origin = Network::of(peer).to_string();
        let actor = match grant {
            Some(grant) => grant.actor(origin),
            None => Actor::unknown(origin),
        };
        self.access.refused(actor, reason.name(), 1);
    }
}

fn client(peer: IpAddr, grant: Option<&Grant>) -> Client {
    match grant {
        Some(grant) => Client::Key(grant.id().to_owned()),
        None => Client::at(peer),
    }
}

/// A monitor must not take the daemon for dead because other clients use up their limits.
pub fn is_counted(path: &str) -> bool {
    !matches!(path, "/health" | "/ready")
}

fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}
