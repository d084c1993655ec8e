//! Fields that are kept and shown as a stop reported them, and that nothing is counted by.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

/// Says of an object that it is not whole.
const CUT: &str = "cut";

/// An object, as the text in which it is stored: as a tree of maps it took ten times the memory,
/// and every copy and every writing of an execution walked it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Details(#[schemars(with = "Map<String, Value>")] Box<RawValue>);

impl Details {
    /// Returns no fields if what was stored is no object.
    pub fn fields(&self) -> Map<String, Value> {
        serde_json::from_str(self.0.get()).unwrap_or_default()
    }

    /// Its length as JSON.
    pub fn bytes(&self) -> usize {
        self.0.get().len()
    }

    /// Itself, where it has at most `max_bytes`; else what fits of its fields and `"cut": true`:
    /// its type and message first, then the smaller before the larger, so that less is always the
    /// beginning of more.
    pub fn within(self, max_bytes: usize) -> Details {
        if self.bytes() <= max_bytes {
            return self;
        }
        let mut fields: Vec<(String, Value)> = self.fields().into_iter().collect();
        let bytes = |(name, value): &(String, Value)| {
            let name = Value::from(name.as_str()).to_string();
            name.len() + value.to_string().len() + ":,".len()
        };
        let rank = |name: &str| match name {
            "type" => 0,
            "message" => 1,
            _ => 2,
        };
        fields.retain(|(name, _)| name != CUT);
        fields.sort_by_cached_key(|field| (rank(&field.0), bytes(field), field.0.clone()));
        let mut left = max_bytes.saturating_sub(r#"{"cut":true}"#.len());
        let fits = |field: &(String, Value)| match left.checked_sub(bytes(field)) {
            Some(rest) => {
                left = rest;
                true
            }
            None => false,
        };
        let kept = fields.into_iter().take_while(fits);
        kept.chain([(CUT.to_owned(), true.into())]).collect()
    }
}

impl From<Map<String, Value>> for Details {
    fn from(fields: Map<String, Value>) -> Details {
        Details(to_raw_value(&fields).expect("its keys are strings, and memory takes every byte"))
    }
}

impl FromIterator<(String, Value)> for Details {
    fn from_iter<T: IntoIterator<Item = (String, Value)>>(fields: T) -> Details {
        Map::from_iter(fields).into()
    }
}

impl PartialEq for Details {
    fn eq(&self, other: &Details) -> bool {
        self.0.get() == other.0.get()
    }
}

#[cfg(test)]
mod tests {
    use crate::execution::Execution;

    #[test]
    fn details_of_older_versions_round_trip() {
        let row = concat!(
            r#"{"id":"x","stop":{"ended_ms":5,"status":"failure","#,
            r#""error_details":{"message":"no \"way\"","seen":{"at":[1,2.5]},"type":"E"},"#,
            r#""tool_calls":{"Bash":2},"task_metadata":{},"output_metrics":{"files_created":2},"#,
            r#""session_id":"s"},"resolved":{"agent_type":"t"}}"#,
        );
        let execution: Execution = serde_json::from_str(row).unwrap();
        assert_eq!(serde_json::to_string(&execution).unwrap(), row);
        let details = execution.error_details().unwrap().fields();
        assert_eq!(details["message"], "no \"way\"");
        assert_eq!(details["seen"]["at"][1], 2.5);
    }
}
