//! Routes, none of which can be added without being described.

use std::sync::Arc;

use axum::Router;
use axum::handler::Handler;
use axum::http::{Method, StatusCode};
use axum::routing::{MethodRouter, get, post};
use schemars::JsonSchema;

use super::Operation;
use crate::http::HttpState;
use crate::http::error::{Code, HttpError};
use crate::http::params::Params;
use crate::http::reads::{read, read_named};
use agentpulse_reports::Query;

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

    /// A report whose parameters stand in the query; its answer is a `T`.
    pub fn report<T: JsonSchema>(
        self,
        path: &'static str,
        summary: &'static str,
        parse: fn(&Params) -> Result<Query, HttpError>,
    ) -> Routes {
        let operation = report::<T>(summary).asks(parse);
        self.route(path, Method::GET, read(parse), operation)
    }

    /// A report of the item that the last part of the path names; `unknown` if it does not exist.
    pub fn report_of<T: JsonSchema>(
        self,
        path: &'static str,
        summary: &'static str,
        parse: fn(&Params, &str) -> Result<Query, HttpError>,
        unknown: Code,
    ) -> Routes {
        let operation = report::<T>(summary)
            .asks(|params| parse(params, "x"))
            .fails(&[unknown]);
        self.route(path, Method::GET, read_named(parse), operation)
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

fn report<T: JsonSchema>(summary: &'static str) -> Operation {
    Operation::new(summary)
        .answers::<T>(StatusCode::OK, "The report")
        .conditional()
        .tells_its_view()
        .fails(&[Code::Unavailable])
}
