//! What a client sends to write a definition, as JSON Schema.

use serde_json::{Value, json};

use super::body::{Fields, fields_of, object, one, optional};
use super::operation::Body;
use crate::http::definitions::MAX_BODY_BYTES;
use agentpulse_definitions::{Client, Field, Kind, MAX_FILE_BYTES};

/// A new definition.
pub fn new() -> Body {
    let mut fields = fields_of_client();
    fields.extend(fields_of([
        (
            "name",
            json!({"type": "string", "pattern": "^[a-z0-9-]{1,64}$"}),
        ),
        ("description", json!({"type": "string", "minLength": 1})),
        (
            "prompt",
            json!({"type": "string", "maxLength": MAX_FILE_BYTES}),
        ),
        ("scope", json!({"enum": ["user", "project", "library"]})),
        (
            "project",
            json!({
                "type": ["string", "null"],
                "description": "For the scope project, as the registry names it.",
            }),
        ),
        ("allow_commands", allow_commands()),
    ]));
    of(fields, &["name", "description", "prompt", "scope"])
}

/// What is changed of one: null takes a field out.
pub fn change() -> Body {
    let mut fields = fields_of_client();
    fields.extend(fields_of([
        ("description", json!({"type": "string", "minLength": 1})),
        (
            "prompt",
            json!({"type": ["string", "null"], "maxLength": MAX_FILE_BYTES}),
        ),
        ("allow_commands", allow_commands()),
    ]));
    of(fields, &[])
}

fn of(fields: Fields, required: &[&str]) -> Body {
    one(object(fields, required), MAX_BODY_BYTES)
}

fn allow_commands() -> Value {
    json!({
        "type": ["boolean", "null"],
        "description": "hooks, mcpServers and permissionMode: bypassPermissions need it.",
    })
}

/// All but the name and the description.
fn fields_of_client() -> Fields {
    let client = Client::built_in(None);
    let fields = client.fields().iter();
    let others = fields.filter(|field| !["name", "description"].contains(&field.name.as_str()));
    others
        .map(|field| (field.name.clone(), optional(of_kind(field))))
        .collect()
}

fn of_kind(field: &Field) -> Value {
    match field.kind {
        Kind::Name | Kind::Text | Kind::Model => json!({"type": "string"}),
        Kind::Word => json!({"type": "string", "enum": field.words}),
        Kind::Effort => json!({"anyOf": [{"enum": field.words}, {"type": "integer"}]}),
        Kind::Tools | Kind::List => json!({"anyOf": [
            {"type": "string"}, {"type": "array", "items": {"type": "string"}},
        ]}),
        Kind::Count => json!({"type": "integer", "minimum": 1, "maximum": u32::MAX}),
        Kind::Flag => json!({"type": "boolean"}),
        Kind::Servers => json!({"type": "array"}),
        Kind::Hooks | Kind::Table => json!({"type": "object"}),
        Kind::Any => json!({"anyOf": [{}]}),
    }
}
