//! A finding, as answers have it.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use agentpulse_definitions::{self as definitions, Severity};
use agentpulse_redact::redact;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    pub code: String,
    #[schemars(extend("enum" = ["error", "warning", "hint"]))]
    pub severity: String,
    /// The key of the frontmatter; null where it is about the whole file.
    pub field: Option<String>,
    pub line: usize,
    pub column: usize,
    pub message: String,
    /// What the client does.
    pub client: String,
}

impl Finding {
    /// Its message may name other files.
    pub fn of(found: &definitions::Finding, home: Option<&Path>) -> Finding {
        let home = home.and_then(Path::to_str).filter(|home| *home != "/");
        let message = match home {
            Some(home) => found.message.replace(&format!("{home}/"), "~/"),
            None => found.message.clone(),
        };
        Finding {
            code: found.code.name().to_owned(),
            severity: severity(found.severity).to_owned(),
            field: found.field.clone(),
            line: found.place.line,
            column: found.place.column,
            message: redact(&message).into_owned(),
            client: found.client.to_owned(),
        }
    }
}

pub fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Hint => "hint",
    }
}
