//! What is wrong with a definition, and what the client does about it.

use std::fmt;

use serde::Serialize;

use crate::place::Place;

/// As many findings as one file has; what is after them is seen once those are fixed.
pub const MAX_FINDINGS: usize = 64;
/// Of a value that a message quotes.
const MAX_QUOTED_CHARS: usize = 60;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The client does not load the agent, or does not launch it.
    Error,
    /// Something that is written has no effect, or not the one that it seems to have.
    Warning,
    Hint,
}

macro_rules! codes {
    ($($code:ident $severity:ident $text:literal,)*) => {
        /// What is wrong; each code has one severity.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($code,)* }

        impl Code {
            pub const ALL: &[Code] = &[$(Code::$code,)*];

            pub fn severity(self) -> Severity {
                match self { $(Code::$code => Severity::$severity,)* }
            }

            pub fn name(self) -> &'static str {
                match self { $(Code::$code => $text,)* }
            }
        }
    };
}

codes! {
    Yaml Error "yaml",
    NoDescription Error "no_description",
    BadName Error "bad_name",
    BadHooks Error "bad_hooks",
    ZeroTools Error "zero_tools",
    SameTreeTwin Error "same_tree_twin",
    TooLarge Error "too_large",
    Unreadable Error "unreadable",
    YamlLenient Warning "yaml_lenient",
    NotUtf8 Warning "not_utf8",
    UnknownField Warning "unknown_field",
    BadValue Warning "bad_value",
    DuplicateKey Warning "duplicate_key",
    DashesInside Warning "dashes_inside",
    Placeholder Warning "placeholder",
    PluginIgnores Warning "plugin_ignores",
    ToolDeniedAnyway Warning "tool_denied_anyway",
    NotInBackground Warning "not_in_background",
    UnknownTool Hint "unknown_tool",
    FileNameDiffers Hint "file_name_differs",
    NameStyle Hint "name_style",
    Near Hint "near",
    Shadowed Hint "shadowed",
    PluginBare Hint "plugin_bare",
    Similar Hint "similar",
    OverBudget Hint "over_budget",
    Bom Hint "bom",
    Documentation Hint "documentation",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub code: Code,
    pub severity: Severity,
    /// The key of the frontmatter; None where it is about the whole file.
    pub field: Option<String>,
    #[serde(flatten)]
    pub place: Place,
    pub message: String,
    /// What the client does.
    pub client: &'static str,
}

impl Finding {
    pub fn new(code: Code, place: Place, message: impl Into<String>, client: &'static str) -> Self {
        Finding {
            code,
            severity: code.severity(),
            field: None,
            place,
            message: message.into(),
            client,
        }
    }

    #[must_use]
    pub fn of_field(mut self, field: &str) -> Finding {
        self.field = Some(shortened(field));
        self
    }
}

/// Text of a file as a message quotes it: short, on one line, without secrets.
pub fn quoted(text: &str) -> String {
    format!("{:?}", shortened(text))
}

fn shortened(text: &str) -> String {
    let clean = agentpulse_redact::redact(text);
    let mut chars = clean.chars();
    let mut short: String = chars.by_ref().take(MAX_QUOTED_CHARS).collect();
    if chars.next().is_some() {
        short.push('…');
    }
    short
}
