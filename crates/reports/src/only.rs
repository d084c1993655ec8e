//! The parameters by which a report is of some of the executions.

use agentpulse_api::params::{InvalidParameter, Param, Params};
use agentpulse_core::kind::Kind;
use agentpulse_core::only::Only;

const KIND: Param = Param::new("kind", "Executions of this kind alone.");
const PROJECT: Param = Param::new("project", "Executions of this project alone.");
const BRANCH: Param = Param::new("branch", "Executions on this branch alone.");
const HOST: Param = Param::new("host", "Executions on this machine alone.");

pub fn parse(params: &Params) -> Result<Only, InvalidParameter> {
    let kinds = Kind::ALL.map(|kind| (kind.as_str(), kind));
    Ok(Only {
        kind: params.choice(KIND, &kinds)?,
        project: params.name(PROJECT)?,
        branch: params.name(BRANCH)?,
        host: params.name(HOST)?,
    })
}
