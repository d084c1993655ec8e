//! The tools. What they take is what their routes take.

mod agents;
mod messages;
mod read;
mod tasks;

use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;

use serde_json::{Value, json};

use super::caller::Caller;
use super::routes::Api;
use super::rpc::Params;
use super::said::Said;
use super::schema::check;

type Saying = Pin<Box<dyn Future<Output = Said> + Send>>;

pub struct Tool {
    pub name: &'static str,
    /// For the model that chooses a tool.
    about: String,
    is_read_only: bool,
    /// JSON Schema of the arguments.
    input: Value,
    run: Box<dyn Fn(Arc<Caller>, Params) -> Saying>,
}

pub fn all() -> Vec<Tool> {
    let api = Api::own();
    [
        read::tools(&api),
        agents::tools(&api),
        tasks::tools(&api),
        messages::tools(&api),
    ]
    .into_iter()
    .flatten()
    .collect()
}

impl Tool {
    /// It changes something. A failure says what went wrong and what is next, as an answer does.
    fn new<F>(
        name: &'static str,
        about: impl Into<String>,
        input: impl Into<Value>,
        run: impl Fn(Arc<Caller>, Params) -> F + 'static,
    ) -> Tool
    where
        F: Future<Output = Result<Said, Said>> + Send + 'static,
    {
        Tool {
            name,
            about: about.into(),
            is_read_only: false,
            input: input.into(),
            run: Box::new(move |caller, arguments| {
                let said = run(caller, arguments);
                Box::pin(async {
                    let (Ok(said) | Err(said)) = said.await;
                    said
                })
            }),
        }
    }

    fn read_only(mut self) -> Tool {
        self.is_read_only = true;
        self
    }

    /// For the list of tools.
    pub fn listed(&self) -> Value {
        // By default a client takes the worst of a tool.
        let annotations = match self.is_read_only {
            true => json!({"readOnlyHint": true}),
            false => json!({"destructiveHint": false}),
        };
        json!({
            "name": self.name,
            "description": self.about,
            "inputSchema": self.input,
            "annotations": annotations,
        })
    }

    /// An argument that is null was not given.
    pub fn call(&self, caller: Arc<Caller>, mut arguments: Params) -> Saying {
        arguments.retain(|_, value| !value.is_null());
        let arguments = Value::Object(arguments);
        let checked = check(&self.input, &arguments);
        match (checked, arguments) {
            (Ok(()), Value::Object(arguments)) => (self.run)(caller, arguments),
            (checked, _) => {
                let wrong = checked.err().unwrap_or_default();
                Box::pin(ready(Said::error(format!("{}: {wrong}", self.name))))
            }
        }
    }
}
