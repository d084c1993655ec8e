//! ccusage over the same transcripts: tokens by day and model. Where it differs, the client's own
//! total decides. Run by `make check-peers`, which installs it; it needs no network after that, and
//! then has no prices of the newest models.

use std::collections::BTreeMap;
use std::env;
use std::process::Command;

use serde_json::Value;

use crate::claude_code::captured::{Run, start};
use crate::claude_code::whole_sessions::CAPTURED;
use crate::harness::{Daemon, eventually, folder};

/// Input, output, cache written and cache read.
type Tokens = [u64; 4];
/// By day of UTC and model, tokens and dollars.
type Days = BTreeMap<(String, String), (Tokens, f64)>;

/// What ccusage adds to the model of a request of this speed.
const FAST: &str = "-fast";

const OURS: [&[&str]; 4] = [
    &["input_tokens"],
    &["output_tokens"],
    &["cache_write_5m_tokens", "cache_write_1h_tokens"],
    &["cache_read_tokens"],
];
const THEIRS: [&str; 4] = [
    "inputTokens",
    "outputTokens",
    "cacheCreationTokens",
    "cacheReadTokens",
];

fn counted(daemon: &Daemon) -> Result<Days, String> {
    let answer = daemon.read("/api/agents/executions?limit=500")?;
    let mut days = Days::new();
    for one in answer["executions"].as_array().expect("a list") {
        let ended = one["execution_end"].as_str().expect("an end");
        let cost = one["token_usage"]["estimated_cost"].as_f64();
        // The whole of an execution stands beside its main model.
        let model = one["model"].as_str().unwrap_or_default();
        let key = (ended[..10].to_owned(), model.to_owned());
        days.entry(key).or_default().1 += cost.unwrap_or(0.0);
        for (model, usage) in one["usage_by_model"].as_object().into_iter().flatten() {
            let sum = days
                .entry((ended[..10].to_owned(), model.clone()))
                .or_default();
            for (tokens, names) in sum.0.iter_mut().zip(OURS) {
                let counts = names.iter().map(|name| usage[name].as_u64().unwrap_or(0));
                *tokens += counts.sum::<u64>();
            }
        }
    }
    Ok(days)
}

fn of_ccusage(program: &str, folder: &str) -> Days {
    let output = Command::new(program)
        .args([
            "daily",
            "--json",
            "--offline",
            "--timezone",
            "UTC",
            "--breakdown",
        ])
        .env("CLAUDE_CONFIG_DIR", folder)
        .output()
        .expect("ccusage runs");
    let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let mut days = Days::new();
    // Without usage there is no list.
    for day in answer["daily"].as_array().into_iter().flatten() {
        let date = day["date"].as_str().expect("a date");
        for model in day["modelBreakdowns"].as_array().expect("a list") {
            let name = model["modelName"].as_str().expect("a name");
            let tokens = THEIRS.map(|name| model[name].as_u64().unwrap_or(0));
            let cost = model["cost"].as_f64().unwrap_or(0.0);
            let name = name.trim_end_matches(FAST).to_owned();
            let sum = days.entry((date.to_owned(), name)).or_default();
            sum.1 += cost;
            for (sum, tokens) in sum.0.iter_mut().zip(tokens) {
                *sum += tokens;
            }
        }
    }
    days
}

#[test]
#[ignore = "needs ccusage: run by `make check-peers`"]
fn ccusage_counts_the_same_tokens_by_day_and_model() {
    let program = env::var("AGENTPULSE_CCUSAGE").expect("AGENTPULSE_CCUSAGE names the program");
    for name in CAPTURED {
        let place = folder();
        let roots = place.path().join("projects");
        let run = Run::captured(name, &roots);
        let theirs = of_ccusage(&program, &place.path().display().to_string());
        let daemon = start(&roots);
        let root = roots.display().to_string();
        let imported = daemon.command(&["import", "claude-code", "--root", &root]);
        assert!(imported.status.success(), "{imported:?}");
        let verdict = eventually(name, || {
            let ours = counted(&daemon)?;
            if tokens(&ours) == tokens(&theirs) {
                return Ok("equal".to_owned());
            }
            let client = of_client(&run);
            match !client.is_empty() && by_model(&ours) == client {
                true => Ok(format!("the client says what we say, ccusage {theirs:?}")),
                false => Err(format!("{ours:?} and not {theirs:?}")),
            }
        });
        let dollars = |days: &Days| days.values().map(|(_, cost)| cost).sum::<f64>();
        let ours = dollars(&counted(&daemon).expect("an answer"));
        let theirs = dollars(&theirs);
        println!("{name}: dollars {ours:.6}, ccusage {theirs:.6}; tokens: {verdict}");
    }
}

fn by_model(days: &Days) -> BTreeMap<String, Tokens> {
    let mut sums = BTreeMap::<String, Tokens>::new();
    for ((_, model), tokens) in self::tokens(days) {
        let sum = sums.entry(model.clone()).or_default();
        for (sum, tokens) in sum.iter_mut().zip(tokens) {
            *sum += tokens;
        }
    }
    sums
}

/// What the client itself says at its end.
fn of_client(run: &Run) -> BTreeMap<String, Tokens> {
    let models = &run.expected["client"].as_array().expect("totals");
    let models = models.last().map(|last| &last["models"]);
    let models = models.and_then(Value::as_object).into_iter().flatten();
    let names = ["in", "out", "w", "read"];
    let tokens = |of: &Value| names.map(|name| of[name].as_u64().unwrap_or(0));
    models
        .map(|(model, of)| (format!("claude-{model}"), tokens(of)))
        .collect()
}

/// Without the days on which only requests without usage failed.
fn tokens(days: &Days) -> Vec<(&(String, String), Tokens)> {
    let rows = days.iter().map(|(key, (tokens, _))| (key, *tokens));
    rows.filter(|(_, tokens)| *tokens != [0; 4]).collect()
}
