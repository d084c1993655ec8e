//! What the daemon and its clients agree on: what an endpoint is, how its parameters are read and
//! described, and the codes of errors. Pure: no HTTP library, no store, no clock.

pub mod code;
pub mod endpoint;
pub mod only;
pub mod params;
