//! The layer between a TCP connection and the routes: origin policy, authorizer, and the headers of
//! every answer.

use std::net::IpAddr;

use axum::Router;
use axum::body::Body;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    HeaderMap, HeaderValue, ORIGIN, SEC_WEBSOCKET_PROTOCOL, VARY,
};
use axum::http::{Method, Request, Response, StatusCode};
use axum::response::IntoResponse;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;

use super::authorizer::{Authorizer, Refusal};
use super::credential::{PROTOCOL, offers_protocol};
use super::error::HttpError;
use super::headers::Policy;
use super::limit::Client;
use super::origin::OriginPolicy;

pub struct SecurityLayer {
    pub origins: OriginPolicy,
    pub authorizer: Authorizer,
    pub policy: Policy,
}

impl SecurityLayer {
    /// Answers a request over TCP, if origin policy and authorizer accept it.
    pub async fn answer<B>(
        &self,
        routes: &TowerToHyperService<Router>,
        peer: IpAddr,
        request: Request<B>,
    ) -> Response<Body>
    where
        B: hyper::body::Body<Data = bytes::Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let mut response = match self.origins.check(&request) {
            Err(refusal) => self.reject(peer, request.uri().path(), refusal),
            Ok(()) => {
                let origin = request.headers().get(ORIGIN).cloned();
                let mut response = if is_preflight(&request) {
                    let client = Client::at(peer);
                    let counted = self.authorizer.count(peer, client, request.uri().path());
                    counted.map_or_else(Refusal::into_response, |()| {
                        StatusCode::NO_CONTENT.into_response()
                    })
                } else {
                    self.forward(routes, peer, request).await
                };
                if let Some(origin) = origin {
                    admit(response.headers_mut(), origin);
                }
                response
            }
        };
        let headers = response.headers_mut();
        self.policy.apply(headers);
        headers.append(VARY, HeaderValue::from_static("origin"));
        response
    }

    fn reject(&self, peer: IpAddr, path: &str, refusal: HttpError) -> Response<Body> {
        if let Err(too_many) = self.authorizer.count(peer, Client::stranger(peer), path) {
            return too_many.into_response();
        }
        self.authorizer.refused(peer, None, refusal.code);
        refusal.into_response()
    }

    async fn forward<B>(
        &self,
        routes: &TowerToHyperService<Router>,
        peer: IpAddr,
        mut request: Request<B>,
    ) -> Response<Body>
    where
        B: hyper::body::Body<Data = bytes::Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        if let Err(refusal) = self.authorizer.authorize(peer, &mut request) {
            return refusal.into_response();
        }
        let offers_protocol = offers_protocol(request.headers());
        let Ok(mut response) = routes.call(request).await;
        if offers_protocol && response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let protocol = HeaderValue::from_static(PROTOCOL);
            response
                .headers_mut()
                .insert(SEC_WEBSOCKET_PROTOCOL, protocol);
        }
        response
    }
}

fn is_preflight<B>(request: &Request<B>) -> bool {
    let headers = request.headers();
    request.method() == Method::OPTIONS
        && headers.contains_key(ORIGIN)
        && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// Lets a page of that origin read the response.
fn admit(headers: &mut HeaderMap, origin: HeaderValue) {
    let text = HeaderValue::from_static;
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(
        ACCESS_CONTROL_ALLOW_METHODS,
        text("GET, HEAD, POST, OPTIONS"),
    );
    let may_send = text("authorization, x-api-key, content-type, if-none-match");
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, may_send);
    headers.insert(
        ACCESS_CONTROL_EXPOSE_HEADERS,
        text("etag, retry-after, x-agentpulse-source"),
    );
    headers.insert(ACCESS_CONTROL_MAX_AGE, text("600"));
}

#[cfg(test)]
mod tests;
