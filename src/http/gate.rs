//! Who a request comes from, what it may reach, and how often. As soon as there is a key, a
//! request over TCP needs one.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::header::{CONNECTION, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{Method, Request};
use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;

use super::credential::{Credential, credential, remove_credentials};
use super::error::{Code, HttpError};
use super::limit::{Buckets, Client};
use super::seat::Seat;
use crate::access::{Access, Actor, Pass, Scope};
use crate::flow::address::Network;
use crate::flow::clock::now_ms;
use crate::flow::counters::Counters;
use crate::flow::places::{Full, Holder, Rank};

/// The files of the page, which hold no numbers.
const PAGE_FILES: &str = "/assets/";
/// It says what may be asked, and answers nothing of it.
const DOCUMENT: &str = "/api/openapi.json";

pub struct Gate {
    access: Arc<Access>,
    counters: Arc<Counters>,
    /// Also while there is no key.
    always: bool,
    buckets: Mutex<Buckets>,
}

/// What a route asks of who comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    Nothing,
    /// Whatever it opens.
    AnyKey,
    Scope(Scope),
}

impl Need {
    /// A route that nobody thought of needs a key, too.
    pub fn of(method: &Method, path: &str) -> Need {
        let is_read = matches!(*method, Method::GET | Method::HEAD);
        match path {
            "/" | "/health" | "/ready" | "/version" | DOCUMENT if is_read => Need::Nothing,
            _ if is_read && path.starts_with(PAGE_FILES) => Need::Nothing,
            "/api/audit" => Need::Scope(Scope::Admin),
            "/api/tickets" => Need::AnyKey,
            _ if is_read => Need::Scope(Scope::Read),
            _ => Need::Scope(Scope::Ingest),
        }
    }

    /// What tells a key from another is never open, even on loopback.
    pub fn is_open_without_keys(self) -> bool {
        matches!(self, Need::Scope(Scope::Read | Scope::Ingest))
    }
}

/// Why a request does not get through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No key, or one that is not good: which of the two is not told.
    Unauthorized,
    Forbidden,
    TooMany {
        retry_after_s: u64,
    },
    /// All connections are at work.
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
            Refusal::Forbidden => "the key does not open this",
            Refusal::TooMany { .. } => "too many requests",
            Refusal::NoRoom => "http.max_connections are at work: come again later",
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
                // Whose answer is written idles, and may be closed for another.
                headers.insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Refusal::Forbidden => {}
        }
        response
    }
}

impl Gate {
    /// `rate_limit` is in requests a second. `always` asks for keys while there are none.
    pub fn new(
        access: Arc<Access>,
        counters: Arc<Counters>,
        always: bool,
        rate_limit: u32,
        rate_burst: u32,
    ) -> Gate {
        Gate {
            access,
            counters,
            always,
            buckets: Mutex::new(Buckets::new(rate_limit, rate_burst)),
        }
    }

    /// Lets a request through, without what it showed for it and with the [`Pass`] that it got.
    ///
    /// # Errors
    /// The refusal; it is counted and noted.
    pub fn pass<B>(&self, peer: IpAddr, request: &mut Request<B>) -> Result<(), Refusal> {
        let pass = match self.judge(peer, request) {
            Ok(pass) => pass,
            Err((refusal, pass)) => {
                self.refused(peer, pass.as_ref(), refusal.code());
                return Err(refusal);
            }
        };
        let holder = match &pass {
            Some(pass) => Holder::Key(pass.id().to_owned()),
            None => Holder::Network(Network::of(peer)),
        };
        self.admit(request, &holder)?;
        request.extensions_mut().insert(holder);
        remove_credentials(request);
        request
            .extensions_mut()
            .insert(client(peer, pass.as_ref()).asker());
        if let Some(pass) = pass {
            request.extensions_mut().insert(pass);
        }
        Ok(())
    }

    /// Gives the request a place among those at work. Tests ask without a connection.
    fn admit<B>(&self, request: &Request<B>, holder: &Holder) -> Result<(), Refusal> {
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

    fn judge<B>(
        &self,
        peer: IpAddr,
        request: &Request<B>,
    ) -> Result<Option<Pass>, (Refusal, Option<Pass>)> {
        let path = request.uri().path();
        let need = Need::of(request.method(), path);
        if !is_counted(path) && need == Need::Nothing {
            return Ok(None);
        }
        let (now, now_ms) = (Instant::now(), now_ms());
        let pass = match credential(request) {
            _ if need == Need::Nothing => None,
            None => None,
            Some(Credential::Key(text)) => self.access.admit(text, now_ms),
            Some(Credential::Ticket(text)) => self.access.redeem(text, now, now_ms),
        };
        if let Err(refusal) = self.take(client(peer, pass.as_ref()), now) {
            return Err((refusal, pass));
        }
        match (need, &pass) {
            (Need::Nothing, _) | (Need::AnyKey, Some(_)) => Ok(pass),
            (Need::Scope(scope), Some(held)) if held.opens(scope) => Ok(pass),
            (Need::Scope(_), Some(_)) => Err((Refusal::Forbidden, pass)),
            (need, None) if need.is_open_without_keys() && !self.asks_for_keys() => Ok(None),
            (_, None) => Err((Refusal::Unauthorized, None)),
        }
    }

    /// Counts a request that does not come as far as here.
    ///
    /// # Errors
    /// The refusal of one too many; it is counted and noted.
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

    /// Waits until keys are asked for, as a connection that came without one must.
    pub async fn keys_needed(&self) {
        if !self.always {
            self.access.keyed().await;
        }
    }

    /// Counts a refusal, also one of the doors, and notes it in the audit trail.
    pub fn refused(&self, peer: IpAddr, pass: Option<&Pass>, reason: Code) {
        let counter = match reason {
            Code::Unauthorized => &self.counters.http_unauthorized,
            Code::Forbidden => &self.counters.http_forbidden,
            Code::TooManyRequests => &self.counters.http_rate_limited,
            _ => &self.counters.http_doors_refused,
        };
        counter.add(1);
        let origin = Network::of(peer).to_string();
        let actor = match pass {
            Some(pass) => pass.actor(origin),
            None => Actor::unknown(origin),
        };
        self.access.refused(actor, reason.name(), 1);
    }
}

fn client(peer: IpAddr, pass: Option<&Pass>) -> Client {
    match pass {
        Some(pass) => Client::Key(pass.id().to_owned()),
        None => Client::at(peer),
    }
}

/// Whoever watches the daemon must not be told that it is gone because others ask much.
pub fn is_counted(path: &str) -> bool {
    !matches!(path, "/health" | "/ready")
}

fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}
