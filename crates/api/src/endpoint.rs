//! An endpoint, as the routes, their document and the clients need it.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::code::Code;
use crate::only;
use crate::params::{InvalidParameter, Params};

/// A read by `GET`. The type that implements it holds the parameters, within their bounds.
pub trait Endpoint: Sized {
    /// As the router has it. A last part in braces names an item.
    const PATH: &'static str;
    /// A second path of it, as others name it.
    const ALSO: Option<&'static str> = None;
    const SUMMARY: &'static str;
    /// Besides those of every read.
    const CODES: &'static [Code] = &[];
    /// The JSON of the answer. An older daemon lacks fields that were added later: those have a
    /// default for clients, which `#[schemars(!default)]` keeps out of the document.
    type Answer: JsonSchema + DeserializeOwned;

    /// # Errors
    /// A parameter is out of its bounds.
    fn parse(params: &Params) -> Result<Self, InvalidParameter>;
}

/// The path of a request; `item` is percent-encoded.
pub fn path<E: Endpoint>(item: Option<&str>) -> String {
    match (E::PATH.rsplit_once('{'), item) {
        (Some((folder, _)), Some(item)) => format!("{folder}{item}"),
        _ => E::PATH.to_owned(),
    }
}

/// Whether it, or the choice of executions, reads a parameter of that name.
pub fn takes<E: Endpoint>(name: &str) -> bool {
    let params = Params::recording();
    let is_read = E::parse(&params).is_ok() && only::parse(&params).is_ok();
    debug_assert!(is_read, "nothing was given that could be wrong");
    params
        .into_specs()
        .iter()
        .any(|spec| spec.param.name == name)
}
