//! One request to a task, and its answer.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

const STOPPING: &str = "the daemon is stopping";

/// Sends a command and waits for its answer. The deadline is that of the answer.
pub(crate) async fn request<C, T>(
    commands: &mpsc::Sender<C>,
    deadline: Duration,
    command: impl FnOnce(oneshot::Sender<Result<T, String>>) -> C,
) -> Result<T, String> {
    let (reply, answer) = oneshot::channel();
    commands.send(command(reply)).await.map_err(|_| STOPPING)?;
    match timeout(deadline, answer).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err(STOPPING.to_owned()),
        Err(_) => Err(format!("no answer within {} s", deadline.as_secs())),
    }
}
