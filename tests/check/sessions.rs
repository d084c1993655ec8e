//! Sessions against what their executions add up to.

use std::collections::BTreeMap;

use super::compare::{Check, dollars, equal, only_these, same};
use crate::harness::Daemon;
use crate::model::{Ended, Tally, World, moment_ms};

/// All pages of the list, and the largest session in full.
pub fn sessions(daemon: &Daemon, world: &World) -> Check {
    let mut want: BTreeMap<&str, Vec<&Ended>> = BTreeMap::new();
    for one in &world.ended {
        if let Some(session) = &one.session {
            want.entry(session).or_default().push(one);
        }
    }
    let (mut rows, mut cursor) = (BTreeMap::new(), String::new());
    loop {
        let page = daemon.read(&format!("/api/sessions?limit=500{cursor}"))?;
        for row in page["sessions"].as_array().ok_or("no list")? {
            let session = row["session_id"].as_str().ok_or("no id")?;
            if row["agent_runs"] != row["running"] {
                rows.insert(session.to_owned(), row.clone());
            }
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let known = want.keys().map(|session| (*session).to_owned());
    only_these("sessions", &rows, known.collect())?;
    for (session, executions) in &want {
        let (what, row) = (format!("session {session}"), &rows[*session]);
        let tally = Tally::of(executions.iter().copied());
        let runs = |field: &str| row[field].as_i64().unwrap_or(0);
        let ended = runs("turns") + runs("agent_runs") - runs("running");
        equal(&what, &ended.into(), tally.executions)?;
        equal(&what, &row["failures"], tally.failures + tally.timeouts)?;
        let usage = &row["token_usage"];
        equal(&what, &usage["total_tokens"], tally.total)?;
        equal(&what, &row["unpriced_count"], tally.unpriced)?;
        dollars(&what, &usage["estimated_cost"], tally.dollars())?;
        if runs("running") == 0 {
            let last_ms = executions.iter().map(|one| one.end_ms).max();
            same(&what, &moment_ms(&row["ended_at"]).into(), &last_ms.into())?;
        }
    }
    let Some((session, executions)) = want.iter().max_by_key(|(_, all)| all.len()) else {
        return Ok(());
    };
    let detail = daemon.read(&format!("/api/sessions/{session}"))?;
    let listed = detail["executions"].as_array().ok_or("no list")?.len();
    let omitted = detail["omitted"].as_i64().ok_or("no count")?;
    let running = rows[*session]["running"].as_i64().ok_or("no count")?;
    let what = format!("the executions of {session}");
    equal(
        &what,
        &(listed as i64 + omitted).into(),
        executions.len() as i64 + running,
    )
}
