//! Routes, none of which can be added without being described.

use std::sync::Arc;

use axum::Router;
use axum::handler::Handler;
use axum::http::{Method, StatusCode};
use axum::routing::{MethodRouter, delete, get, patch, post, put};

use super::operation::{Content, Operation};
use crate::http::reads::read;
use crate::http::state::HttpState;
use agentpulse_api::code::Code;
use agentpulse_reports::Served;

/// Routes without their state, and their descriptions.
#[derive(Default)]
pub struct Routes {
    pub router: Router<Arc<HttpState>>,
    pub described: Vec<Described>,
}

pub struct Described {
    /// As the router has it.
    pub path: &'static str,
    pub method: Method,
    pub operation: Operation,
}

impl Routes {
    pub fn get<H, T>(self, path: &'static str, handler: H, operation: Operation) -> Routes
    where
        H: Handler<T, Arc<HttpState>>,
        T: 'static,
    {
        self.route(path, Method::GET, get(handler), operation)
    }

    pub fn post<H, T>(self, path: &'static str, handler: H, operation: Operation) -> Routes
    where
        H: Handler<T, Arc<HttpState>>,
        T: 'static,
    {
        self.route(path, Method::POST, post(handler), operation)
    }

    pub fn put<H, T>(self, path: &'static str, handler: H, operation: Operation) -> Routes
    where
        H: Handler<T, Arc<HttpState>>,
        T: 'static,
    {
        self.route(path, Method::PUT, put(handler), operation)
    }

    pub fn patch<H, T>(self, path: &'static str, handler: H, operation: Operation) -> Routes
    where
        H: Handler<T, Arc<HttpState>>,
        T: 'static,
    {
        self.route(path, Method::PATCH, patch(handler), operation)
    }

    pub fn delete<H, T>(self, path: &'static str, handler: H, operation: Operation) -> Routes
    where
        H: Handler<T, Arc<HttpState>>,
        T: 'static,
    {
        self.route(path, Method::DELETE, delete(handler), operation)
    }

    pub fn report(self, endpoint: &'static Served) -> Routes {
        let operation = || {
            Operation::new(endpoint.summary)
                .answer(StatusCode::OK, "The report", Content::Json(endpoint.schema))
                .conditional()
                .tells_its_view()
                .fails(&[Code::Unavailable])
                .asks(endpoint.parse)
                .fails(endpoint.codes)
        };
        let routes = self.route(endpoint.path, Method::GET, read(endpoint), operation());
        match endpoint.also {
            Some(also) => routes.route(also, Method::GET, read(endpoint), operation().also()),
            None => routes,
        }
    }

    fn route(
        mut self,
        path: &'static str,
        method: Method,
        handler: MethodRouter<Arc<HttpState>>,
        operation: Operation,
    ) -> Routes {
        self.router = self.router.route(path, handler);
        self.described.push(Described {
            path,
            method,
            operation,
        });
        self
    }
}
