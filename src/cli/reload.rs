//! `agentpulse reload`: lets the running daemon read its settings again, and says what came of it.

use clap::Args;
use hyper::Method;
use serde_json::Value;

use super::failure::Failure;
use super::output::print;
use super::runtime::block_on;
use super::target::Target;
use agentpulse_client::{AskError, Control, LONG};
use agentpulse_contract::exit;

#[derive(Args)]
pub struct Reload {}

impl Reload {
    /// # Errors
    /// Settings that are wrong, with the code of a daemon that does not start for them.
    pub fn run(self, target: &Target) -> Result<(), Failure> {
        let config = target.load(Vec::new())?;
        let asked = Control::of(&config);
        match block_on(asked.ask(Method::POST, "/control/reload", LONG))? {
            Ok(answer) => print(&said(&answer)),
            Err(AskError::Refused(_, reason)) => Err(Failure::new(
                exit::CONFIG,
                format!("{reason}; the old settings stay"),
            )),
            Err(error) => Err(error.into()),
        }
    }
}

fn said(answer: &Value) -> String {
    let names = |field: &str| {
        let names = answer[field].as_array().into_iter().flatten();
        names
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join(", ")
    };
    let changed = names("changed");
    let mut text = match changed.is_empty() {
        true => "settings reloaded; nothing changed\n".to_owned(),
        false => format!("settings reloaded; changed: {changed}\n"),
    };
    let needs_restart = names("needs_restart");
    if !needs_restart.is_empty() {
        text.push_str(&format!("only a restart takes: {needs_restart}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_outcome_of_a_reload_is_printed() {
        let answer = json!({"changed": [], "needs_restart": []});
        assert_eq!(said(&answer), "settings reloaded; nothing changed\n");
        let answer = json!({"changed": ["a.b", "c.d"], "needs_restart": ["http.listen"]});
        let expect = "settings reloaded; changed: a.b, c.d\n\
                      only a restart takes: http.listen\n";
        assert_eq!(said(&answer), expect);
    }
}
