//! A message that is to be sent.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use agentpulse_store::tasks::MessageKind;
use agentpulse_tasks::limits::{MAX_CONTENT_BYTES, MAX_METADATA_BYTES};

use super::check::{Checked, Result, invalid};
use crate::ops::NewMessage;

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MessageRequest {
    #[schemars(length(min = 1, max = 256))]
    pub from_agent: String,
    #[schemars(length(min = 1, max = 256))]
    pub to_agent: String,
    pub message_type: MessageKind,
    /// At most 64 KiB. Secrets are taken out.
    pub content: String,
    /// Any JSON of at most 16 KiB.
    pub metadata: Option<Value>,
    pub task_id: Option<i64>,
    /// An answer to a question lets the task of the question go on.
    pub reply_to: Option<i64>,
}

impl MessageRequest {
    /// # Errors
    /// A field is out of its bounds.
    pub fn read(self, checked: &mut Checked) -> Result<NewMessage> {
        if self.message_type == MessageKind::Answer && self.reply_to.is_none() {
            return invalid("reply_to: an answer names its question");
        }
        Ok(NewMessage {
            task: self.task_id,
            from: checked.name("from_agent", self.from_agent)?,
            to: checked.name("to_agent", self.to_agent)?,
            kind: self.message_type,
            content: checked.text("content", self.content, MAX_CONTENT_BYTES)?,
            metadata: checked.json("metadata", self.metadata, MAX_METADATA_BYTES)?,
            reply_to: self.reply_to,
        })
    }
}
