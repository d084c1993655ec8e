//! The codes of errors. Each has its status.

/// `CodeName, "code_name", status, "what it means";`
macro_rules! codes {
    ($($code:ident, $name:literal, $status:literal, $meaning:literal;)*) => {
        /// What went wrong, in one word. Each has its status.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $($code,)*
        }

        impl Code {
            /// As it stands in answers.
            pub fn name(self) -> &'static str {
                match self {
                    $(Code::$code => $name,)*
                }
            }

            /// Of HTTP.
            pub fn status(self) -> u16 {
                match self {
                    $(Code::$code => $status,)*
                }
            }

            /// For the document of the routes.
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Code::$code => $meaning,)*
                }
            }
        }
    };
}

codes! {
    InvalidParameter, "invalid_parameter", 400, "a parameter is out of its bounds";
    InvalidBody, "invalid_body", 400, "the body cannot be read";
    InvalidEvent, "invalid_event", 400, "the event was refused";
    InvalidHost, "invalid_host", 400, "the request does not name its host once";
    Unauthorized, "unauthorized", 401, "a valid key is required";
    Forbidden, "forbidden", 403, "the key lacks the scope";
    ReadOnly, "read_only", 403, "definitions are not written, or not this one";
    ForbiddenOrigin, "forbidden_origin", 403, "pages of that origin are not allowed";
    UnknownRoute, "unknown_route", 404, "there is no such route";
    UnknownAgent, "unknown_agent", 404, "no agent has that name";
    UnknownExecution, "unknown_execution", 404, "no execution has that id";
    UnknownSession, "unknown_session", 404, "no session has that id";
    UnknownSelection, "unknown_selection", 404, "this asker has no selection of that id";
    UnknownTask, "unknown_task", 404, "there is no such task";
    UnknownMessage, "unknown_message", 404, "there is no such message";
    UnknownKey, "unknown_key", 404, "there is no such key";
    MethodNotAllowed, "method_not_allowed", 405, "the route does not take this method";
    TooSlow, "too_slow", 408, "the body took too long";
    Busy, "busy", 409, "the same operation is in progress";
    Conflict, "conflict", 409, "it exists already, or the limit is reached";
    Ambiguous, "ambiguous", 409, "several definitions have that name; the message has their ids";
    NameTaken, "name_taken", 409, "the place has a definition or a file of this name";
    NoPrompt, "no_prompt", 409, "the prompt is not shown: the message says why";
    LeaseLost, "lease_lost", 409, "another worker holds the task, or nobody does";
    AlreadyEnded, "already_ended", 409, "the task has ended";
    WrongStatus, "wrong_status", 409, "the status of the task does not allow it";
    AgentBusy, "agent_busy", 409, "an execution of it runs";
    Expired, "expired", 410, "changes are not kept for so long: list again";
    Settled, "settled", 410, "the selection is too old for feedback";
    ChangedMeanwhile, "changed_meanwhile", 412, "the file has another version";
    TooLarge, "too_large", 413, "the body is too large";
    UnknownHost, "unknown_host", 421, "the daemon is not configured for this host";
    Refused, "refused", 422, "the settings are invalid";
    InvalidDefinition, "invalid_definition", 422, "the client would not take the definition";
    UnknownRole, "unknown_role", 422, "it is no role, and no agent that is defined";
    KeyReused, "key_reused", 422, "the idempotency key came with another request";
    Damaged, "damaged", 422, "a database is damaged";
    UpgradeRequired, "upgrade_required", 426, "this is a WebSocket";
    VersionRequired, "version_required", 428, "If-Match must name the version";
    TooManyTasks, "too_many_tasks", 429, "a bound of the queue is reached";
    TooManyRequests, "too_many_requests", 429, "try again later";
    Failed, "failed", 500, "the operation failed";
    CannotWrite, "cannot_write", 507, "the file cannot be written there";
    Unavailable, "unavailable", 503, "reports and events are unavailable now";
    Interrupted, "interrupted", 503, "only the events in totals were accepted";
    NotReady, "not_ready", 503, "the message says why";
    TooManyConnections, "too_many_connections", 503, "all connections are busy";
    TooManyClients, "too_many_clients", 503, "all places are taken";
}
