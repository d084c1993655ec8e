//! The parameters by which an answer is of some of the executions.

use crate::params::{InvalidParameter, Param, Params};
use agentpulse_core::kind::Kind;
use agentpulse_core::only::Only;

const KIND: Param = Param::new("kind", "Executions of this kind alone.");
const PROJECT: Param = Param::new("project", "Executions of this project alone.");
const BRANCH: Param = Param::new("branch", "Executions on this branch alone.");
const HOST: Param = Param::new("host", "Executions on this machine alone.");

/// # Errors
/// A parameter is out of its bounds.
pub fn parse(params: &Params) -> Result<Only, InvalidParameter> {
    let kinds = Kind::ALL.map(|kind| (kind.as_str(), kind));
    Ok(Only {
        kind: params.choice(KIND, &kinds)?,
        project: params.name(PROJECT)?,
        branch: params.name(BRANCH)?,
        host: params.name(HOST)?,
    })
}
