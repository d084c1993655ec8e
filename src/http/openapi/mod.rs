//! The document of the routes, `GET /api/openapi.json`: made of what the router holds, what the
//! parsers accept, what the authorizer requires, and the types that are answered.

pub mod body;
pub mod document;
mod operation;
mod routes;
mod schemas;

pub use self::operation::Operation;
pub use self::routes::Routes;
