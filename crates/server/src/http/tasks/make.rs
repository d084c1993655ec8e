//! New tasks.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ask::{asker, check_assigned, denied, queue, read, refused};
use crate::http::error::HttpError;
use crate::http::state::HttpState;
use agentpulse_core::text::begin;
use agentpulse_pipeline::clock::now_ms;
use agentpulse_queue::asked::{Checked, TaskRequest};
use agentpulse_queue::ops::create;
use agentpulse_queue::shown::Task;
use agentpulse_reports::selection::{Ask, Asker};

/// The agent that fits best.
const AUTO: &str = "auto";
/// Of a context, what says what is to be done.
const TEXTS: [&str; 5] = ["task", "description", "prompt", "message", "title"];
const MAX_TASK_BYTES: usize = 8_192;

#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "CreatedTask")]
pub struct Made {
    pub task: Task,
    /// False: a task with its unique key is open already, and is this one.
    pub created: bool,
    /// Texts from which something secret was taken.
    pub redacted: usize,
}

pub async fn make(
    State(http): State<Arc<HttpState>>,
    request: Request<Body>,
) -> Result<(StatusCode, Json<Made>), HttpError> {
    let asker = asker(request.extensions());
    let asked = read::<TaskRequest>(&http, request).await?;
    let mut request = asked.request;
    if request.assigned_to == AUTO {
        request.assigned_to = best(&http, &request, &asker).await?;
    } else {
        check_assigned(&http, &request.assigned_to).await?;
    }
    let mut checked = Checked::default();
    let mut new = request.read(&mut checked, now_ms()).map_err(refused)?;
    new.created_by.get_or_insert(asked.who);
    let redacted = checked.redacted;
    let work = move |of: &mut agentpulse_queue::Operation| {
        let created = create(of, new)?;
        Ok(Made {
            task: created.task.into(),
            created: created.is_new,
            redacted,
        })
    };
    let made = queue(&http)?
        .apply_once(asked.key, &asked.bytes, work)
        .await;
    let made = made.map_err(denied)?;
    let status = match made.created {
        true => StatusCode::CREATED,
        false => StatusCode::OK,
    };
    Ok((status, Json(made)))
}

/// The fallback takes what nobody fits.
async fn best(http: &HttpState, request: &TaskRequest, asker: &Asker) -> Result<String, HttpError> {
    let context = request.context.as_ref();
    let texts = TEXTS
        .iter()
        .filter_map(|field| context?.get(field)?.as_str());
    let plain = context.and_then(Value::as_str);
    let words: Vec<&str> = [request.task_type.as_str()]
        .into_iter()
        .chain(texts)
        .chain(plain)
        .collect();
    let ask = Ask {
        task: begin(&words.join(" ").replace('_', " "), MAX_TASK_BYTES).to_owned(),
        limit: 1,
        ..Ask::default()
    };
    let selected = http.reports.selections.answer(&ask, asker, false).await;
    let fallback = queue(http)?.settings().fallback_role.clone();
    let recommended = selected.ok().and_then(|selected| selected.recommendation);
    Ok(recommended.unwrap_or(fallback))
}
