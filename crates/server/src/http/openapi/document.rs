//! The document itself, built once and served like any other read.

use std::future::{Ready, ready};
use std::sync::OnceLock;

use axum::body::Body;
use axum::http::{HeaderMap, Response};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::operation::{Answer, Content, Operation};
use super::routes::{Described, Routes};
use super::schemas::{Responses, errors, generator};
use crate::http::authorizer::{Requirement, is_counted};
use crate::http::conditional::File;
use agentpulse_api::code::Code;
use agentpulse_api::params::ParamSpec;
use agentpulse_store::access::Scope;

const DESCRIPTION: &str = "Shows which AI agents are running, and what past runs cost, how long they \
                           took and which failed";

const JSON: &str = "application/json";

static FILE: OnceLock<File> = OnceLock::new();

/// Serves the document of `routes`, which are described when it is first asked for.
pub fn serve(
    routes: fn() -> Routes,
) -> impl Fn(HeaderMap) -> Ready<Response<Body>> + Clone + Send + Sync + 'static {
    move |request| {
        ready(
            FILE.get_or_init(|| file(&routes().described))
                .respond(&request),
        )
    }
}

fn file(described: &[Described]) -> File {
    let bytes = serde_json::to_vec(&document(described)).expect("names and numbers are JSON");
    File::new(JSON, bytes.into())
}

/// The answer of [`serve`]: an object in a foreign format.
pub struct Document;

impl JsonSchema for Document {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Document".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "type": "object",
            "required": ["openapi", "info", "paths"],
            "additionalProperties": true,
        })
    }
}

pub fn document(described: &[Described]) -> Value {
    let mut generator = generator();
    let mut responses = Responses::default();
    let mut paths = Map::new();
    for route in described {
        let path = route.path.replace("{*", "{");
        let operation = operation(route, &mut generator, &mut responses);
        let methods = paths.entry(path).or_insert_with(|| json!({}));
        methods[route.method.as_str().to_ascii_lowercase()] = operation;
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "agentpulse",
            "description": DESCRIPTION,
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "MIT or Apache-2.0", "identifier": env!("CARGO_PKG_LICENSE")},
        },
        "servers": [{"url": ".."}],
        "paths": paths,
        "components": {
            "schemas": generator.take_definitions(true),
            "responses": responses.into_components(),
            "headers": headers(),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                "ticket": {
                    "type": "apiKey", "in": "query", "name": "ticket",
                    "description": "Of POST /api/tickets; opens one WebSocket, once.",
                },
            },
        },
    })
}

fn operation(
    route: &Described,
    generator: &mut SchemaGenerator,
    responses: &mut Responses,
) -> Value {
    let operation = &route.operation;
    let requirement = Requirement::of(&route.method, route.path);
    let mut answers = Map::new();
    for answer in &operation.answers {
        let status = answer.status.as_str().to_owned();
        answers.insert(status, response(operation, answer, generator));
    }
    if operation.conditional {
        answers.insert("304".to_owned(), not_modified(operation));
    }
    let mut codes = operation.codes.clone();
    codes.extend(codes_of_all(requirement, is_counted(route.path)));
    for (status, codes) in errors(codes) {
        answers.insert(status.as_str().to_owned(), responses.refer(status, &codes));
    }
    let mut described = json!({
        "operationId": id(route),
        "summary": operation.summary,
        "parameters": parameters(operation),
        "security": security(requirement, operation.upgrades),
        "responses": answers,
    });
    if let Some(body) = &operation.body {
        let content = body
            .content
            .iter()
            .map(|(media_type, schema)| ((*media_type).to_owned(), json!({"schema": schema})));
        described["requestBody"] = json!({
            "description": format!("At most {} bytes.", body.max_bytes),
            "required": body.is_required,
            "content": content.collect::<Map<String, Value>>(),
        });
    }
    described
}

/// Errors of the security layer, before a route is reached.
fn codes_of_all(requirement: Requirement, is_counted: bool) -> Vec<Code> {
    let mut codes = vec![
        Code::InvalidHost,
        Code::ForbiddenOrigin,
        Code::UnknownHost,
        Code::TooManyConnections,
    ];
    if is_counted || requirement != Requirement::Nothing {
        codes.push(Code::TooManyRequests);
    }
    if requirement != Requirement::Nothing {
        codes.push(Code::Unauthorized);
    }
    if matches!(requirement, Requirement::Scope(_)) {
        codes.push(Code::Forbidden);
    }
    codes
}

/// An empty choice means that no key is needed while none exists.
fn security(requirement: Requirement, upgrades: bool) -> Value {
    let roles: &[Scope] = match &requirement {
        Requirement::Nothing => return json!([]),
        Requirement::AnyKey => &[],
        Requirement::Scope(scope) => std::slice::from_ref(scope),
    };
    let roles: Vec<&str> = roles.iter().map(|scope| scope.as_str()).collect();
    let mut choices = vec![json!({"bearer": roles}), json!({"key": roles})];
    if upgrades {
        choices.push(json!({"ticket": roles}));
    }
    if requirement.is_open_without_keys() {
        choices.push(json!({}));
    }
    choices.into()
}

fn parameters(operation: &Operation) -> Vec<Value> {
    let described = |spec: &ParamSpec| {
        json!({
            "name": spec.param.name, "in": spec.place, "description": spec.param.meaning,
            "required": operation.is_required(spec.place), "schema": spec.schema,
        })
    };
    let specs = operation.parameters.iter().map(described);
    let tag = operation.conditional.then(|| {
        json!({
            "name": "If-None-Match", "in": "header", "schema": {"type": "string"},
            "description": "Tags of answers that the client has.",
        })
    });
    let version = operation.if_match.map(|is_required| {
        json!({
            "name": "If-Match", "in": "header", "required": is_required,
            "schema": {"type": "string", "pattern": "^\"[0-9a-f]{32}\"$"},
            "description": "The version of the definition, in quotes.",
        })
    });
    specs.chain(tag).chain(version).collect()
}

fn response(operation: &Operation, answer: &Answer, generator: &mut SchemaGenerator) -> Value {
    let mut response = json!({"description": answer.when});
    match &answer.content {
        Content::Nothing => {}
        Content::Json(schema) => {
            response["content"][JSON]["schema"] = schema(generator).to_value();
        }
        Content::Text(media_types) => {
            for media_type in media_types {
                response["content"][*media_type]["schema"] = json!({"type": "string"});
            }
        }
    }
    if let Some(headers) = headers_of(operation) {
        response["headers"] = headers;
    }
    response
}

fn not_modified(operation: &Operation) -> Value {
    json!({"description": "The client has it", "headers": headers_of(operation)})
}

fn headers_of(operation: &Operation) -> Option<Value> {
    let names = [
        ("ETag", operation.conditional),
        ("Cache-Control", operation.conditional),
        ("X-Agentpulse-Source", operation.tells_its_view),
    ];
    let refer = |name| json!({"$ref": format!("#/components/headers/{name}")});
    let named = names.into_iter().filter(|(_, is_there)| *is_there);
    let headers: Map<String, Value> = named
        .map(|(name, _)| (name.to_owned(), refer(name)))
        .collect();
    (!headers.is_empty()).then(|| headers.into())
}

fn headers() -> Value {
    json!({
        "ETag": {
            "description": "Names these very bytes.",
            "required": true, "schema": {"type": "string", "pattern": "^\"[0-9a-f]{16}\"$"},
        },
        "Cache-Control": {
            "description": "To be cached by this client only, and revalidated every time.",
            "required": true, "schema": {"const": "private, no-cache"},
        },
        "X-Agentpulse-Source": {
            "description": "Which of the two views answered.",
            "required": true, "schema": {"enum": ["live", "history"]},
        },
    })
}

/// `get /api/agents/executions/{id}` is `getAgentsExecutionsId`.
fn id(route: &Described) -> String {
    let mut id = route.method.as_str().to_ascii_lowercase();
    let path = route.path.strip_prefix("/api").unwrap_or(route.path);
    let words = path.split(|c: char| !c.is_ascii_alphanumeric());
    for word in words.filter(|word| !word.is_empty()) {
        id.push_str(&word[..1].to_ascii_uppercase());
        id.push_str(&word[1..]);
    }
    if path == "/" {
        id.push_str("Page");
    }
    if route.operation.is_also {
        id.push_str("Also");
    }
    id
}
