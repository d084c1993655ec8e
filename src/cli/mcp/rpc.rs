//! JSON-RPC 2.0: what comes in a line, and what is answered.

use serde_json::{Map, Value, json};

/// A line could not be read as JSON.
pub const PARSE_ERROR: i64 = -32_700;
pub const INVALID_REQUEST: i64 = -32_600;
pub const METHOD_NOT_FOUND: i64 = -32_601;
pub const INVALID_PARAMS: i64 = -32_602;
pub const INTERNAL_ERROR: i64 = -32_603;

pub type Params = Map<String, Value>;

#[derive(Debug, PartialEq)]
pub enum Message {
    Request {
        id: Value,
        method: String,
        params: Params,
    },
    /// It is never answered.
    Notification { method: String, params: Params },
    /// Of a request that we never make.
    Answer,
}

#[derive(Debug, PartialEq)]
pub struct Error {
    pub code: i64,
    pub message: String,
    pub data: Option<Value>,
}

impl Error {
    pub fn new(code: i64, message: impl Into<String>) -> Error {
        Error {
            code,
            message: message.into(),
            data: None,
        }
    }
}

/// # Errors
/// It is no message; with the id that the refusal is for, or null.
pub fn parse(line: &[u8]) -> Result<Message, (Value, Error)> {
    let refuse = |code, message: &str| (Value::Null, Error::new(code, message));
    let message: Value = serde_json::from_slice(line)
        .map_err(|error| refuse(PARSE_ERROR, &format!("it is no JSON: {error}")))?;
    let Value::Object(mut message) = message else {
        let what = "a message is an object; several at once are not taken";
        return Err(refuse(INVALID_REQUEST, what));
    };
    let id = message.remove("id");
    let shown_id = match &id {
        Some(id @ (Value::String(_) | Value::Number(_))) => id.clone(),
        _ => Value::Null,
    };
    let refuse = |code, message: &str| (shown_id.clone(), Error::new(code, message));
    if message.get("jsonrpc") != Some(&json!("2.0")) {
        return Err(refuse(INVALID_REQUEST, "jsonrpc: it is \"2.0\""));
    }
    let method = match message.remove("method") {
        Some(Value::String(method)) => method,
        None if message.contains_key("result") || message.contains_key("error") => {
            return Ok(Message::Answer);
        }
        _ => return Err(refuse(INVALID_REQUEST, "method: a text is needed")),
    };
    let params = match message.remove("params") {
        None => Params::new(),
        Some(Value::Object(params)) => params,
        Some(_) => return Err(refuse(INVALID_PARAMS, "params: an object is needed")),
    };
    match id {
        None => Ok(Message::Notification { method, params }),
        Some(_) if shown_id.is_null() => {
            Err(refuse(INVALID_REQUEST, "id: a text or a number is needed"))
        }
        Some(id) => Ok(Message::Request { id, method, params }),
    }
}

pub fn answer(id: &Value, outcome: Result<Value, Error>) -> Value {
    match outcome {
        Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
        Err(Error {
            code,
            message,
            data,
        }) => {
            let mut error = json!({"code": code, "message": message});
            if let Some(data) = data {
                error["data"] = data;
            }
            json!({"jsonrpc": "2.0", "id": id, "error": error})
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_an_id_is_a_request() {
        let parsed = parse(br#"{"jsonrpc":"2.0","id":"a","method":"ping"}"#);
        let ping = Message::Request {
            id: json!("a"),
            method: "ping".to_owned(),
            params: Params::new(),
        };
        assert_eq!(parsed, Ok(ping));
        let parsed = parse(br#"{"jsonrpc":"2.0","method":"x","params":{"a":1}}"#);
        assert!(matches!(parsed, Ok(Message::Notification { params, .. }) if params["a"] == 1));
        let parsed = parse(br#"{"jsonrpc":"2.0","id":1,"result":{}}"#);
        assert_eq!(parsed, Ok(Message::Answer));
    }

    #[test]
    fn what_is_no_message_is_refused_with_its_id() {
        for (line, id, code) in [
            ("{", json!(null), PARSE_ERROR),
            ("\u{fffd}", json!(null), PARSE_ERROR),
            ("[]", json!(null), INVALID_REQUEST),
            ("{\"id\":1,\"method\":\"x\"}", json!(1), INVALID_REQUEST),
            ("{\"jsonrpc\":\"2.0\",\"id\":1}", json!(1), INVALID_REQUEST),
            (
                "{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"x\"}",
                json!(null),
                INVALID_REQUEST,
            ),
            (
                "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"x\",\"params\":[]}",
                json!(2),
                INVALID_PARAMS,
            ),
        ] {
            let (refused, error) = parse(line.as_bytes()).expect_err(line);
            assert_eq!((refused, error.code), (id, code), "{line}");
        }
    }
}
