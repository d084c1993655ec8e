//! The methods of the protocol that a server of tools needs, in all its versions: with a handshake,
//! and, since 2026-07-28, without one.

use serde_json::{Value, json};

use super::rpc::{Error, INVALID_PARAMS, METHOD_NOT_FOUND, Params};

/// The first version without a handshake: each request names it.
const STATELESS: &str = "2026-07-28";
/// The newest first.
const WITH_HANDSHAKE: [&str; 4] = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];
const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const SERVER: &str = "io.modelcontextprotocol/serverInfo";
/// Claude Code names the tool call so; its hooks carry the same id.
const TOOL_USE: &str = "claudecode/toolUseId";
const MAX_USE_ID_BYTES: usize = 256;
const UNSUPPORTED_VERSION: i64 = -32_022;
/// For how long a client may keep the list of tools, which is that of the program.
const TTL_MS: u32 = 3_600_000;

const INSTRUCTIONS: &str = "agentpulse knows which AI agents run, what past runs cost and how \
    they ended, and has a durable queue of tasks. Ask with `read`; choose an agent with \
    `select_agent`. To work: `task_claim`, `task_heartbeat` while you work, then `task_complete`, \
    `task_fail` or `task_block`. Each answer names the next step.";

/// What a client asks for.
#[derive(Debug, PartialEq)]
pub enum Asked {
    Known(Value),
    Call(Call),
}

#[derive(Debug, PartialEq)]
pub struct Call {
    pub tool: String,
    pub arguments: Params,
    /// As the hooks of the client name it; not every client does.
    pub use_id: Option<String>,
}

#[derive(Debug, PartialEq)]
pub struct Request {
    pub asked: Asked,
    /// Of a version without a handshake.
    pub is_stateless: bool,
}

impl Request {
    /// # Errors
    /// The method, its parameters or the version are unknown.
    pub fn read(method: &str, params: Params, tools: &Value) -> Result<Request, Error> {
        let version = params.get("_meta").and_then(|meta| meta.get(VERSION));
        if let Some(version) = version.filter(|version| *version != STATELESS) {
            return Err(unsupported(version));
        }
        let is_stateless = version.is_some();
        let asked = match method {
            "initialize" => Asked::Known(initialized(&params)),
            "ping" => Asked::Known(json!({})),
            "server/discover" => Asked::Known(discovered()),
            "tools/list" => Asked::Known(listed(tools, is_stateless)),
            "tools/call" => call(params)?,
            _ => {
                let message = format!("there is no method {method}");
                return Err(Error::new(METHOD_NOT_FOUND, message));
            }
        };
        Ok(Request {
            asked,
            is_stateless,
        })
    }

    /// The result in the form of its version.
    pub fn result(is_stateless: bool, mut result: Value) -> Value {
        if is_stateless {
            result["resultType"] = json!("complete");
        }
        result
    }
}

fn server() -> Value {
    json!({"name": "agentpulse", "version": env!("CARGO_PKG_VERSION")})
}

/// The version of the client, or else our newest: then it is for the client to decide.
fn initialized(params: &Params) -> Value {
    let asked = params.get("protocolVersion").and_then(Value::as_str);
    let known = WITH_HANDSHAKE
        .into_iter()
        .find(|known| Some(*known) == asked);
    json!({
        "protocolVersion": known.unwrap_or(WITH_HANDSHAKE[0]),
        "capabilities": {"tools": {}},
        "serverInfo": server(),
        "instructions": INSTRUCTIONS,
    })
}

fn discovered() -> Value {
    let versions: Vec<&str> = [STATELESS].into_iter().chain(WITH_HANDSHAKE).collect();
    json!({
        "supportedVersions": versions,
        "capabilities": {"tools": {}},
        "instructions": INSTRUCTIONS,
        "ttlMs": TTL_MS,
        "cacheScope": "private",
        "_meta": {SERVER: server()},
    })
}

fn listed(tools: &Value, is_stateless: bool) -> Value {
    match is_stateless {
        true => json!({"tools": tools, "ttlMs": TTL_MS, "cacheScope": "private"}),
        false => json!({"tools": tools}),
    }
}

fn call(mut params: Params) -> Result<Asked, Error> {
    let wrong = |message: &str| Err(Error::new(INVALID_PARAMS, message));
    let Some(Value::String(tool)) = params.remove("name") else {
        return wrong("name: the name of a tool is needed");
    };
    let arguments = match params.remove("arguments").unwrap_or(Value::Null) {
        Value::Object(arguments) => arguments,
        Value::Null => Params::new(),
        _ => return wrong("arguments: an object is needed"),
    };
    let use_id = params.get("_meta").and_then(|meta| meta.get(TOOL_USE));
    let use_id = use_id.and_then(Value::as_str);
    Ok(Asked::Call(Call {
        tool,
        arguments,
        use_id: use_id.filter(|id| is_header(id)).map(str::to_owned),
    }))
}

/// As it stands in the header of a request.
fn is_header(text: &str) -> bool {
    (1..=MAX_USE_ID_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn unsupported(version: &Value) -> Error {
    let data = json!({"requested": version, "supported": [STATELESS]});
    Error {
        data: Some(data),
        ..Error::new(
            UNSUPPORTED_VERSION,
            "the version of the protocol is unknown",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(method: &str, params: Value) -> Value {
        let Value::Object(params) = params else {
            panic!("parameters are an object");
        };
        let request = Request::read(method, params, &json!([])).expect("it is known");
        match request.asked {
            Asked::Known(result) => Request::result(request.is_stateless, result),
            Asked::Call(_) => panic!("it is a call"),
        }
    }

    #[test]
    fn the_version_of_the_client_is_taken_if_it_is_known() {
        for (asked, answered) in [
            ("2024-11-05", "2024-11-05"),
            ("2025-06-18", "2025-06-18"),
            ("2026-07-28", "2025-11-25"),
            ("1999-01-01", "2025-11-25"),
        ] {
            let result = known("initialize", json!({"protocolVersion": asked}));
            assert_eq!(result["protocolVersion"], answered, "{asked}");
            assert_eq!(result.get("resultType"), None);
        }
    }

    #[test]
    fn without_a_handshake_a_request_names_its_version() {
        let of = |version: &str| json!({"_meta": {VERSION: version}});
        let result = known("tools/list", of(STATELESS));
        assert_eq!(result["resultType"], "complete");
        assert_eq!(result["ttlMs"], TTL_MS);
        let result = known("server/discover", of(STATELESS));
        assert_eq!(result["supportedVersions"][0], STATELESS);
        assert_eq!(result["_meta"][SERVER]["name"], "agentpulse");

        let Value::Object(params) = of("2027-01-01") else {
            unreachable!("it is an object");
        };
        let error = Request::read("tools/list", params, &json!([])).expect_err("it is unknown");
        assert_eq!(error.code, UNSUPPORTED_VERSION);
        let supported = error.data.expect("the versions")["supported"].take();
        assert_eq!(supported, json!([STATELESS]));
    }

    #[test]
    fn a_call_has_the_id_that_hooks_have() {
        for (meta, expected) in [
            (json!({TOOL_USE: "toolu_1"}), Some("toolu_1")),
            (json!({TOOL_USE: "two words"}), None),
            (json!({TOOL_USE: 1}), None),
            (json!({}), None),
        ] {
            let Value::Object(params) = json!({"name": "read", "_meta": meta}) else {
                unreachable!("it is an object");
            };
            let request = Request::read("tools/call", params, &json!([])).expect("it is known");
            let Asked::Call(call) = request.asked else {
                panic!("it is a call");
            };
            assert_eq!(call.use_id.as_deref(), expected);
        }
    }
}
