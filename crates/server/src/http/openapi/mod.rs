//! The OpenAPI document, `GET /api/openapi.json`: built from the routes, the parameters that the
//! parsers accept, the requirements of the authorizer, and the types of the answers.

pub mod body;
pub mod definition;
pub mod document;
mod operation;
mod routes;
mod schemas;

pub use self::operation::{Content, Operation};
pub use self::routes::Routes;
