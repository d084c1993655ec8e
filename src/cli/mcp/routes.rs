//! The routes of the daemon, as their own document describes them: what a tool takes is never
//! written a second time.

use serde_json::{Value, json};

use super::schema::short;
use agentpulse_server::http;

/// What is beside it is for programs that watch the daemon.
const API: &str = "/api/";

pub struct Api(Value);

#[derive(Debug)]
pub struct Route {
    /// With the part that names an item in braces.
    pub path: String,
    pub summary: String,
    pub params: Vec<Param>,
    /// Of its fields.
    body: Option<Value>,
}

#[derive(Debug)]
pub struct Param {
    pub name: String,
    pub is_in_path: bool,
    schema: Value,
}

/// A JSON Schema of arguments.
pub struct Input(Value);

impl Api {
    pub fn own() -> Api {
        Api(http::document())
    }

    /// Of a route that there is.
    pub fn route(&self, method: &str, path: &str) -> Route {
        Route::of(path, &self.0["paths"][path][method])
    }

    /// Those of the API that answer JSON, each by its first path.
    pub fn reads(&self) -> Vec<Route> {
        let paths = self.0["paths"].as_object().into_iter().flatten();
        let reads = paths.filter_map(|(path, methods)| Some((path, methods.get("get")?)));
        let is_json = |read: &Value| {
            let content = &read["responses"]["200"]["content"];
            content.get("application/json").is_some()
        };
        let is_first = |read: &Value| {
            let id = read["operationId"].as_str().unwrap_or_default();
            !id.ends_with("Also")
        };
        reads
            .filter(|(path, read)| path.starts_with(API) && is_json(read) && is_first(read))
            .map(|(path, read)| Route::of(path, read))
            .collect()
    }
}

impl Route {
    fn of(path: &str, operation: &Value) -> Route {
        let params = operation["parameters"].as_array().into_iter().flatten();
        let params = params.filter_map(|param| {
            let mut schema = param["schema"].clone();
            schema["description"] = param["description"].clone();
            Some(Param {
                name: param["name"].as_str()?.to_owned(),
                is_in_path: match param["in"].as_str()? {
                    "path" => true,
                    "query" => false,
                    _ => return None,
                },
                schema: short(schema),
            })
        });
        let content = &operation["requestBody"]["content"]["application/json"];
        Route {
            path: path.to_owned(),
            summary: operation["summary"].as_str().unwrap_or_default().to_owned(),
            params: params.collect(),
            body: content.get("schema").cloned().map(short),
        }
    }

    /// What a tool of it takes: its parameters and the fields of its body.
    pub fn input(&self) -> Input {
        let body = self.body.clone();
        let mut schema = body.unwrap_or_else(|| json!({"type": "object", "properties": {}}));
        for param in &self.params {
            schema["properties"][&param.name] = param.schema.clone();
        }
        let in_path = self.params.iter().filter(|param| param.is_in_path);
        let in_path = in_path.map(|param| json!(param.name));
        let mut required: Vec<Value> = in_path.collect();
        required.extend(schema["required"].as_array().into_iter().flatten().cloned());
        schema["required"] = required.into();
        Input(schema)
    }
}

impl Input {
    /// We give it where the caller does not.
    pub fn optional(mut self, name: &str) -> Input {
        if let Some(required) = self.0["required"].as_array_mut() {
            required.retain(|required| required != name);
        }
        self
    }

    /// They are not for a model to decide. A dot leads into an object.
    pub fn without(mut self, names: &[&str]) -> Input {
        for name in names {
            let (object, name) = match name.split_once('.') {
                Some((object, name)) => (&mut self.0["properties"][object], name),
                None => (&mut self.0, *name),
            };
            if let Some(properties) = object["properties"].as_object_mut() {
                properties.remove(name);
            }
        }
        self
    }

    /// An item of another route.
    pub fn or_item_of(mut self, route: &Route) -> Input {
        for param in route.params.iter().filter(|param| param.is_in_path) {
            self.0["properties"][&param.name] = param.schema.clone();
        }
        self
    }
}

impl From<Input> for Value {
    fn from(Input(schema): Input) -> Value {
        schema
    }
}
