//! Of which executions a command prints.

use clap::Args;
use clap::builder::PossibleValuesParser;

use agentpulse_client::path::Pair;
use agentpulse_core::kind::Kind;

#[derive(Args, Clone, Debug, Default)]
pub struct Only {
    /// Only executions of this kind
    #[arg(long, value_parser = PossibleValuesParser::new(Kind::ALL.map(Kind::as_str)))]
    kind: Option<String>,
    /// Only executions of this project, such as '~/shop'
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// Only executions on this branch
    #[arg(long, value_name = "NAME")]
    branch: Option<String>,
    /// Only executions on this machine
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
}

impl Only {
    /// A query with these parameters as well.
    pub fn with(&self, query: impl IntoIterator<Item = Pair>) -> Vec<Pair> {
        let own = [
            ("kind", self.kind.clone()),
            ("project", self.project.clone()),
            ("branch", self.branch.clone()),
            ("host", self.host.clone()),
        ];
        query.into_iter().chain(own).collect()
    }
}
