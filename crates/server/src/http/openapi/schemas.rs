//! The parts that many routes share: the schemas of answers, and of errors.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::http::error;
use crate::intake::IngestCounts;
use agentpulse_api::code::Code;

/// Of answers, as they are written. Theirs is the language of OpenAPI 3.1.
pub fn generator() -> SchemaGenerator {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    settings.for_serialize().into_generator()
}

/// The codes by their status.
pub fn errors(codes: BTreeSet<Code>) -> BTreeMap<StatusCode, Vec<Code>> {
    let mut errors: BTreeMap<StatusCode, Vec<Code>> = BTreeMap::new();
    for code in codes {
        errors.entry(error::status(code)).or_default().push(code);
    }
    errors
}

/// The errors of a status, each set of codes once.
#[derive(Default)]
pub struct Responses(Map<String, Value>);

impl Responses {
    /// All of `codes` are of `status`.
    pub fn refer(&mut self, status: StatusCode, codes: &[Code]) -> Value {
        let names: Vec<&str> = codes.iter().map(|code| code.name()).collect();
        let name = names.join(".");
        let reference = json!({"$ref": format!("#/components/responses/{name}")});
        self.0
            .entry(name)
            .or_insert_with(|| response(status, codes));
        reference
    }

    pub fn into_components(self) -> Value {
        self.0.into()
    }
}

fn response(status: StatusCode, codes: &[Code]) -> Value {
    let names: Vec<&str> = codes.iter().map(|code| code.name()).collect();
    let meanings = codes
        .iter()
        .map(|code| format!("`{}`: {}", code.name(), code.meaning()));
    let mut schema = json!({
        "type": "object",
        "required": ["error"],
        "properties": {"error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {"code": {"enum": names}, "message": {"type": "string"}},
        }},
    });
    if codes.contains(&Code::Interrupted) {
        let totals = generator().into_root_schema_for::<IngestCounts>();
        schema["properties"]["totals"] = totals.to_value();
    }
    if codes.contains(&Code::InvalidDefinition) {
        let finding = json!({"$ref": "#/components/schemas/Finding"});
        schema["properties"]["findings"] = json!({"type": "array", "items": finding});
    }
    let mut response = json!({
        "description": meanings.collect::<Vec<String>>().join("; "),
        "content": {"application/json": {"schema": schema}},
    });
    let header = match status {
        StatusCode::UNAUTHORIZED => Some(("WWW-Authenticate", json!({"const": "Bearer"}))),
        StatusCode::UPGRADE_REQUIRED => Some(("Upgrade", json!({"const": "websocket"}))),
        StatusCode::TOO_MANY_REQUESTS => {
            let seconds = json!({"type": "integer", "minimum": 0, "description": "Seconds."});
            Some(("Retry-After", seconds))
        }
        _ => None,
    };
    if let Some((name, schema)) = header {
        response["headers"][name] = json!({"required": true, "schema": schema});
    }
    response
}
