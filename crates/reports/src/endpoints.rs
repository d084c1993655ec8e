//! The list of the reports. The routes, their document and the key of the cache follow from it.

use std::ops::Range;

use agentpulse_api::code::Code;
use agentpulse_api::endpoint::Endpoint;
use agentpulse_api::only;
use agentpulse_api::params::{InvalidParameter, Params};
use agentpulse_core::only::Only;
use agentpulse_store::history::Wanted;
use schemars::{Schema, SchemaGenerator};

use crate::answer::Answer;
use crate::error::Error;
use crate::registry::Definitions;
use crate::report::Report;
use crate::source::Sources;
use crate::{
    active, costs, current, daily, errors, execution, executions, failures, network, performance,
    registry, session, sessions, timeline, tools, top, types,
};

/// An endpoint, as its route and the document need it.
pub struct Served {
    pub path: &'static str,
    pub also: Option<&'static str>,
    pub summary: &'static str,
    /// Besides those of every read.
    pub codes: &'static [Code],
    /// The JSON Schema of the answer.
    pub schema: fn(&mut SchemaGenerator) -> Schema,
    pub parse: fn(&Params) -> Result<Asked, InvalidParameter>,
}

/// A report, and of which executions it is to be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Asked {
    pub query: Query,
    pub only: Only,
    /// Of the definitions; 0 for a report that does not read them.
    definitions_seq: u64,
}

impl Asked {
    /// Of some of the executions they are read one by one.
    pub(crate) fn is_scan(&self) -> bool {
        !self.only.is_all() || self.query.is_scan()
    }

    /// The same of the definitions of this moment; None for a report that does not read them.
    pub(crate) fn of_definitions(&self, definitions: &Definitions) -> Option<Asked> {
        self.query.reads_definitions().then(|| Asked {
            definitions_seq: definitions.seq(),
            ..self.clone()
        })
    }

    pub(crate) async fn answer(&self, sources: &Sources, now_ms: i64) -> Result<Answer, Error> {
        if self.only.is_all() {
            return self.query.answer(sources, now_ms).await;
        }
        let wanted = Wanted {
            ended_ms: self.query.ended_ms(sources, now_ms),
            sessions: self.query.reads_sessions(),
        };
        let some = sources.of(&self.only, wanted);
        self.query.answer(&some, now_ms).await
    }
}

impl Served {
    const fn of<E: Endpoint>(parse: fn(&Params) -> Result<Asked, InvalidParameter>) -> Served {
        Served {
            path: E::PATH,
            also: E::ALSO,
            summary: E::SUMMARY,
            codes: E::CODES,
            schema: SchemaGenerator::subschema_for::<E::Answer>,
            parse,
        }
    }
}

/// `Name(type of the parameters)`.
macro_rules! reports {
    ($($endpoint:ident($query:ty),)*) => {
        /// One report with its parameters.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum Query {
            $($endpoint($query),)*
        }

        /// In the order of their document.
        pub static ENDPOINTS: &[Served] = &[
            $(Served::of::<$query>(|params| Ok(Asked {
                query: <$query>::parse(params).map(Query::$endpoint)?,
                only: only::parse(params)?,
                definitions_seq: 0,
            })),)*
        ];

        impl Query {
            /// Whether history may have to read many rows for it.
            fn is_scan(&self) -> bool {
                match self {
                    $(Query::$endpoint(query) => query.is_scan(),)*
                }
            }

            fn ended_ms(&self, sources: &Sources, now_ms: i64) -> Range<i64> {
                match self {
                    $(Query::$endpoint(query) => query.ended_ms(sources, now_ms),)*
                }
            }

            fn reads_sessions(&self) -> bool {
                match self {
                    $(Query::$endpoint(query) => query.reads_sessions(),)*
                }
            }

            fn reads_definitions(&self) -> bool {
                match self {
                    $(Query::$endpoint(query) => query.reads_definitions(),)*
                }
            }

            pub(crate) fn is_kept(&self) -> bool {
                match self {
                    $(Query::$endpoint(query) => query.is_kept(),)*
                }
            }

            async fn answer(
                &self,
                sources: &Sources,
                now_ms: i64,
            ) -> Result<Answer, Error> {
                match self {
                    $(Query::$endpoint(query) => Answer::of(query.fetch(sources, now_ms).await?),)*
                }
            }
        }
    };
}

reports! {
    Current(current::Query),
    Timeline(timeline::Query),
    Daily(daily::Query),
    Types(types::Query),
    Performance(performance::Query),
    Tools(tools::Query),
    Active(active::Page),
    Executions(executions::Page),
    Execution(execution::Query),
    Errors(errors::Query),
    Failures(failures::Query),
    Costs(costs::Query),
    Top(top::Query),
    Network(network::Query),
    Sessions(sessions::Page),
    Session(session::Query),
    DefinedAgents(registry::list::Query),
    DefinedAgent(registry::show::Query),
    DefinedStats(registry::stats::Query),
    DefinedConflicts(registry::conflicts::Query),
    DefinedDrift(registry::drift::Query),
}

#[cfg(test)]
mod tests {
    use super::*;
    use agentpulse_api::params::{ParamSpec, Place};
    use serde_json::Value;

    const DOCS: &str = include_str!("../../../docs/http.md");

    /// `hours` 1..168 (24), `by` day, agent; `timeRange` and the filters are described below
    /// the table.
    fn documented(spec: &ParamSpec) -> String {
        let (name, schema) = (spec.param.name, &spec.schema);
        let mut text = format!("`{name}`");
        if let (Value::Number(least), Value::Number(most)) =
            (&schema["minimum"], &schema["maximum"])
        {
            text += &format!(" {least}..{most}");
            if let Value::Number(default) = &schema["default"] {
                text += &format!(" ({default})");
            }
        }
        if let (Value::Array(words), false) = (&schema["enum"], name == "status") {
            let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
            text += &format!(" {}", words.join(", "));
        }
        text
    }

    #[test]
    fn the_table_in_the_docs_is_the_list() {
        let rows: Vec<&str> = DOCS
            .lines()
            .filter(|line| line.starts_with("| `/"))
            .collect();
        assert!(rows.len() >= ENDPOINTS.len());
        for (endpoint, row) in ENDPOINTS.iter().zip(rows) {
            assert!(
                row.starts_with(&format!("| `{}` |", endpoint.path)),
                "{row}"
            );
            let params = Params::recording();
            assert!((endpoint.parse)(&params).is_ok());
            let specs = params.into_specs();
            let asked = specs.iter().filter(|spec| spec.place == Place::Query);
            let of_all = ["timeRange", "kind", "project", "branch", "host"];
            let own = |spec: &&ParamSpec| !of_all.contains(&spec.param.name);
            for spec in asked.filter(own) {
                let text = documented(spec);
                assert!(row.contains(&text), "{row} lacks {text}");
            }
        }
    }

    #[test]
    fn every_parameter_says_what_it_means() {
        for endpoint in ENDPOINTS {
            let params = Params::recording();
            assert!((endpoint.parse)(&params).is_ok());
            for spec in params.into_specs() {
                assert!(!spec.param.meaning.is_empty(), "{}", spec.param.name);
            }
        }
    }
}
