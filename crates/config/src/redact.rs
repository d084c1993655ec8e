//! What is taken out of events beside secrets, which always are.

use super::error::ConfigError;
use super::resolve::Resolver;

#[derive(Clone, Debug, PartialEq)]
pub struct Redact {
    /// Addresses of people are taken out.
    pub emails: bool,
}

impl Redact {
    pub(super) fn read(r: &mut Resolver) -> Result<Redact, ConfigError> {
        let choices = [("redact", true), ("keep", false)];
        Ok(Redact {
            emails: r.choice("redact.emails", choices[0], &choices)?,
        })
    }
}
