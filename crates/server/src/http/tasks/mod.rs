//! Tasks, messages and what agents do: routes of the queue.

mod ask;
mod cost;
mod make;
mod messages;
mod people;
mod read;
mod routes;
mod work;

use axum::http::Method;

pub use routes::routes;

const TASKS: &str = "/api/tasks";
const MESSAGES: &str = "/api/messages";
/// What workers do not do.
const OF_PEOPLE: [&str; 3] = ["cancel", "retry", "unblock"];

pub fn is_of_tasks(path: &str) -> bool {
    let is_below = |root: &str| {
        let rest = path.strip_prefix(root);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    is_below(TASKS) || is_below(MESSAGES)
}

pub fn is_of_people(method: &Method, path: &str) -> bool {
    let last = path.rsplit('/').next().unwrap_or_default();
    is_of_tasks(path) && (*method == Method::PATCH || OF_PEOPLE.contains(&last))
}
