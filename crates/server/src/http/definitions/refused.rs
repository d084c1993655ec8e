//! Refusals of the editor, as clients see them.

use tracing::warn;

use crate::http::error::HttpError;
use crate::http::state::HttpState;
use agentpulse_api::code::Code;
use agentpulse_redact::redact;
use agentpulse_registry::Refused;

pub fn shown(http: &HttpState, refused: Refused) -> HttpError {
    let code = match &refused {
        Refused::Place(_) | Refused::Linked => Code::ReadOnly,
        Refused::UnknownProject
        | Refused::NoLibrary
        | Refused::UnknownField(..)
        | Refused::Commands(_) => Code::InvalidBody,
        Refused::NameTaken => Code::NameTaken,
        Refused::ChangedMeanwhile => Code::ChangedMeanwhile,
        Refused::NotEditable(_) | Refused::Findings(_) => Code::InvalidDefinition,
        Refused::Disk(error) => {
            warn!(%error, "a definition could not be written");
            let message = "the file cannot be written: the reason is in the log";
            return HttpError::new(Code::CannotWrite, message);
        }
    };
    // Proxies log answers, so they must not repeat a secret.
    let message = redact(&refused.to_string()).into_owned();
    let definitions = http.reports.definitions();
    HttpError {
        findings: match refused {
            Refused::Findings(found) => {
                Some(found.iter().map(|one| definitions.finding(one)).collect())
            }
            _ => None,
        },
        ..HttpError::new(code, message)
    }
}
