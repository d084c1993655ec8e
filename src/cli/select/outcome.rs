//! How a selection ended.

use clap::{Args, ValueEnum};
use serde_json::json;

use crate::cli::failure::{Failure, failed};
use crate::cli::output::{print, print_json};
use crate::cli::runtime::block_on;
use crate::cli::text::clean;
use agentpulse_client::Control;
use agentpulse_client::path::encoded;
use agentpulse_reports::selection::{End, FEEDBACK, Noted};

#[derive(Args)]
pub struct Outcome {
    /// Report how the selection with this id ended
    #[arg(long, value_name = "ID", requires = "chosen", conflicts_with_all = ["task", "stats", "forget"])]
    pub feedback: Option<String>,
    /// The agent that took the task
    #[arg(long, value_name = "NAME", requires = "feedback")]
    chosen: Option<String>,
    /// How it ended
    #[arg(long, value_name = "END", requires = "feedback")]
    outcome: Option<Ended>,
    /// How well, from 1 to 5
    #[arg(long, value_name = "STARS", requires = "feedback",
          value_parser = clap::value_parser!(u8).range(1..=5))]
    rating: Option<u8>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Ended {
    Success,
    Failure,
    Abandoned,
}

impl Outcome {
    pub fn report(&self, control: &Control, id: &str, as_json: bool) -> Result<(), Failure> {
        let outcome = self.outcome.map(|end| match end {
            Ended::Success => End::Success,
            Ended::Failure => End::Failure,
            Ended::Abandoned => End::Abandoned,
        });
        let body = json!({"chosen": self.chosen, "outcome": outcome, "rating": self.rating});
        let path = FEEDBACK.replace("{selection_id}", &encoded(id));
        let noted = block_on(control.post(&path, &body))??;
        if as_json {
            return print_json(&noted);
        }
        let noted: Noted = serde_json::from_value(noted).map_err(failed)?;
        let chosen = clean(&noted.chosen);
        print(&match noted.reward {
            Some(reward) => format!("{chosen}: a reward of {reward:.2}\n"),
            None => format!("{chosen}: chosen\n"),
        })
    }
}
