//! Any read of the daemon, by its path. A tool for each would be thirty kilobytes of a context.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Tool;
use crate::cli::mcp::caller::Caller;
use crate::cli::mcp::routes::{Api, Param, Route};
use crate::cli::mcp::rpc::Params;
use crate::cli::mcp::said::{Said, plain};
use agentpulse_client::path::encoded;
use agentpulse_core::text::begin;

/// Of the executions of which an answer is; most routes take all of them.
const OF_EXECUTIONS: [&str; 4] = ["kind", "project", "branch", "host"];
/// The window of those that have no finer parameter, or beside it.
const RANGE: &str = "timeRange";
/// Names of parts that a note lists.
const MAX_PARTS: usize = 24;

struct Reads(Vec<Route>);

pub fn tools(api: &Api) -> Vec<Tool> {
    let reads = Arc::new(Reads(api.reads()));
    let input = json!({
        "type": "object",
        "properties": {
            "path": {
                "type": "string",
                "description": "One of the list, with what is in braces filled in.",
            },
            "query": {"type": "object", "description": "Parameters by name."},
            "field": {
                "type": "string",
                "description": "JSON pointer to a part of the answer, such as /agents/0.",
            },
            "offset": {
                "type": "integer",
                "description": "Where to go on in an answer that was too long.",
            },
        },
        "required": ["path"],
    });
    let about = reads.about();
    let run = move |caller: Arc<Caller>, arguments: Params| {
        let reads = reads.clone();
        async move { reads.run(&caller, &arguments).await }
    };
    vec![Tool::new("read", about, input, run).read_only()]
}

impl Reads {
    fn about(&self) -> String {
        let mut about = "Reads what agentpulse knows: what runs, results, costs, sessions, \
                         definitions of agents, tasks. Paths, with their parameters; those with * \
                         also take kind, project, branch and host, and most of them timeRange such \
                         as 24h or 7d:"
            .to_owned();
        for route in &self.0 {
            let names: Vec<&str> = route.query().map(|param| param.name.as_str()).collect();
            let is_of_executions = OF_EXECUTIONS.iter().all(|name| names.contains(name));
            let star = match is_of_executions {
                true => "*",
                false => "",
            };
            let is_own =
                |name: &&str| *name != RANGE && !(is_of_executions && OF_EXECUTIONS.contains(name));
            let own: Vec<&str> = names.into_iter().filter(is_own).collect();
            about += &format!("\n{}{star} {}", route.path, route.summary);
            if !own.is_empty() {
                about += &format!(" ({})", own.join(" "));
            }
        }
        about
    }

    async fn run(&self, caller: &Caller, arguments: &Params) -> Result<Said, Said> {
        let text = |name: &str| arguments.get(name).and_then(Value::as_str);
        let path = text("path").unwrap_or_default();
        let Some((path, route)) = self.find(path) else {
            let message = "path: it is none of the list in the description of this tool";
            return Err(Said::error(message));
        };
        let query = arguments.get("query").and_then(Value::as_object);
        let mut query = query.cloned().unwrap_or_default();
        query.retain(|_, value| !value.is_null());
        check_query(route, &query).map_err(Said::error)?;
        let answer = caller.read(&path, &query).await?;
        let part = match text("field") {
            None => &answer,
            Some(field) => at(&answer, field).ok_or_else(|| {
                Said::error(format!(
                    "field: there is no {field}; there are {}",
                    parts(&answer)
                ))
            })?,
        };
        let whole = plain(part);
        let from = arguments.get("offset").and_then(Value::as_u64).unwrap_or(0);
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        // In whole characters.
        let from = begin(&whole, from).len();
        let rest = |bytes: usize| {
            let (next, parts) = (from + bytes, parts(part));
            format!(
                "The rest: the same with offset {next}. For less: a smaller limit or range, or a \
                 field: {parts}"
            )
        };
        Ok(Said::part("", &whole[from..], rest))
    }

    /// With its parts encoded, so that none can mean more than itself.
    fn find(&self, path: &str) -> Option<(String, &Route)> {
        let parts: Vec<&str> = path.split('/').collect();
        let names_same = |known: &str, part: &&str| match known.starts_with('{') {
            true => !part.is_empty(),
            false => known == *part,
        };
        let is_it = |route: &&Route| {
            let known: Vec<&str> = route.path.split('/').collect();
            known.len() == parts.len()
                && known
                    .iter()
                    .zip(&parts)
                    .all(|(known, part)| names_same(known, part))
        };
        // `/api/tasks/stats` is no task.
        let found = self.0.iter().filter(is_it);
        let route = found.min_by_key(|route| route.params.iter().any(|param| param.is_in_path))?;
        let parts: Vec<String> = parts.into_iter().map(encoded_once).collect();
        Some((parts.join("/"), route))
    }
}

impl Route {
    fn query(&self) -> impl Iterator<Item = &Param> {
        self.params.iter().filter(|param| !param.is_in_path)
    }
}

/// What is percent-encoded already stays so.
fn encoded_once(part: &str) -> String {
    let mut pieces = part.split('%');
    let mut whole = encoded(pieces.next().unwrap_or_default());
    for piece in pieces {
        let is_escape = piece.len() >= 2 && piece.bytes().take(2).all(|b| b.is_ascii_hexdigit());
        whole += match is_escape {
            true => "%",
            false => "%25",
        };
        whole += &encoded(piece);
    }
    whole
}

/// The daemon ignores what it does not know, and names the bounds of what is wrong.
fn check_query(route: &Route, query: &Params) -> Result<(), String> {
    for (name, value) in query {
        if !route.query().any(|param| param.name == *name) {
            let known: Vec<&str> = route.query().map(|param| param.name.as_str()).collect();
            let known = match known.is_empty() {
                true => "nothing".to_owned(),
                false => known.join(", "),
            };
            let path = &route.path;
            return Err(format!("query.{name}: it is unknown; {path} takes {known}"));
        }
        if !(value.is_string() || value.is_number() || value.is_boolean()) {
            return Err(format!(
                "query.{name}: a text, a number, true or false is needed"
            ));
        }
    }
    Ok(())
}

fn at<'a>(answer: &'a Value, field: &str) -> Option<&'a Value> {
    match field.starts_with('/') || field.is_empty() {
        true => answer.pointer(field),
        false => answer.pointer(&format!("/{field}")),
    }
}

/// What a field may name.
fn parts(of: &Value) -> String {
    let part = |(name, value): (&String, &Value)| match value {
        Value::Array(items) => format!("{name} (list of {})", items.len()),
        _ => name.clone(),
    };
    match of {
        Value::Object(fields) => {
            let named: Vec<String> = fields.iter().take(MAX_PARTS).map(part).collect();
            named.join(", ")
        }
        Value::Array(items) if !items.is_empty() => format!("0 to {}", items.len() - 1),
        _ => "none".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads() -> Reads {
        Reads(Api::own().reads())
    }

    #[test]
    fn a_path_of_the_list_is_found_and_no_other() {
        let reads = reads();
        let found = |path: &str| {
            let found = reads.find(path);
            found.map(|(path, route)| (path, route.path.clone()))
        };
        let is = |path: &str, route: &str| Some((path.to_owned(), route.to_owned()));
        assert_eq!(found("/api/tasks/7"), is("/api/tasks/7", "/api/tasks/{id}"));
        assert_eq!(
            found("/api/tasks/stats"),
            is("/api/tasks/stats", "/api/tasks/stats")
        );
        let route = "/api/agents/errors/{agent_name}";
        let expected = is("/api/agents/errors/a%20b%3Fc%2Fd%25", route);
        assert_eq!(found("/api/agents/errors/a b?c%2Fd%"), expected);
        for path in [
            "",
            "/",
            "/api/tasks/",
            "/control/status",
            "/api/tasks/7/../8",
            "/api/agents/stream",
            "/metrics",
        ] {
            assert_eq!(found(path), None, "{path}");
        }
    }

    #[test]
    fn a_parameter_that_is_unknown_is_named() {
        let reads = reads();
        let check = |path: &str, query: Value| {
            let (_, route) = reads.find(path).expect("it is listed");
            check_query(route, query.as_object().expect("an object"))
        };
        assert_eq!(
            check("/api/agents/active", json!({"limit": 1, "kind": "main"})),
            Ok(())
        );
        let unknown = check("/api/tasks/changes", json!({"sinse": 1}));
        let expected = "query.sinse: it is unknown; /api/tasks/changes takes since, wait";
        assert_eq!(unknown, Err(expected.to_owned()));
        let wrong = check("/api/tasks", json!({"limit": [1]}));
        assert_eq!(
            wrong,
            Err("query.limit: a text, a number, true or false is needed".to_owned())
        );
    }
}
