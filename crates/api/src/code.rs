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
    ForbiddenOrigin, "forbidden_origin", 403, "pages of that origin are not allowed";
    UnknownRoute, "unknown_route", 404, "there is no such route";
    UnknownAgent, "unknown_agent", 404, "no agent has that name";
    UnknownExecution, "unknown_execution", 404, "no execution has that id";
    UnknownSession, "unknown_session", 404, "no session has that id";
    UnknownKey, "unknown_key", 404, "there is no such key";
    MethodNotAllowed, "method_not_allowed", 405, "the route does not take this method";
    TooSlow, "too_slow", 408, "the body took too long";
    Busy, "busy", 409, "the same operation is in progress";
    Conflict, "conflict", 409, "it exists already, or the limit is reached";
    Ambiguous, "ambiguous", 409, "several definitions have that name; the message has their ids";
    Expired, "expired", 410, "changes are not kept for so long: list again";
    TooLarge, "too_large", 413, "the body is too large";
    UnknownHost, "unknown_host", 421, "the daemon is not configured for this host";
    Refused, "refused", 422, "the settings are invalid";
    Damaged, "damaged", 422, "a database is damaged";
    UpgradeRequired, "upgrade_required", 426, "this is a WebSocket";
    TooManyRequests, "too_many_requests", 429, "try again later";
    Failed, "failed", 500, "the operation failed";
    CannotWrite, "cannot_write", 507, "the file cannot be written there";
    Unavailable, "unavailable", 503, "reports and events are unavailable now";
    Interrupted, "interrupted", 503, "only the events in totals were accepted";
    NotReady, "not_ready", 503, "the message says why";
    TooManyConnections, "too_many_connections", 503, "all connections are busy";
    TooManyClients, "too_many_clients", 503, "all places are taken";
}
