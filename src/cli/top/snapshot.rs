//! What the daemon answered, as far as it is shown.

use jiff::Timestamp;
use serde_json::Value;

use crate::cli::text::clean;
use agentpulse_reports::active::{ActiveList, Listed};
use agentpulse_reports::current::Totals;

/// What runs, and the sums of the day.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    pub totals: Totals,
    pub running: Vec<Running>,
    /// How many more run than the daemon listed.
    pub omitted: usize,
    /// What is wrong now, the worst first as the daemon lists it.
    pub alerts: Vec<Alert>,
    /// Without the live view no progress and no tool is known.
    pub from_history: bool,
}

/// One that runs. Its texts are cleaned, but for the two ids, by which the daemon is asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Running {
    pub id: String,
    pub parent_id: Option<String>,
    pub name: String,
    pub agent_type: String,
    pub started_ms: i64,
    pub tool: Option<String>,
    /// 0..1.
    pub progress: Option<f64>,
    /// Input and output so far, if the source reports them while it runs.
    pub tokens: Option<i64>,
    /// Dollars so far; also null without a price.
    pub cost: Option<f64>,
    pub task: Option<String>,
    pub last_sign_ms: Option<i64>,
    /// When it counts as hung, without another heartbeat.
    pub deadline_ms: Option<i64>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    pub is_critical: bool,
    pub text: String,
}

/// A time in RFC 3339, in milliseconds.
pub fn moment_ms(text: &str) -> Result<i64, jiff::Error> {
    Ok(text.parse::<Timestamp>()?.as_millisecond())
}

impl Snapshot {
    /// # Errors
    /// A time that is not as the daemon writes it.
    pub fn of(
        totals: &Totals,
        active: &ActiveList,
        alerts: &Value,
        from_history: bool,
    ) -> Result<Snapshot, jiff::Error> {
        let running = active.active.iter().map(Running::of);
        Ok(Snapshot {
            totals: totals.clone(),
            running: running.collect::<Result<_, _>>()?,
            omitted: active.omitted,
            alerts: read_alerts(alerts),
            from_history,
        })
    }
}

impl Running {
    fn of(listed: &Listed) -> Result<Running, jiff::Error> {
        let clean_some = |text: &Option<String>| text.as_deref().map(clean);
        let moment = |text: &Option<String>| text.as_deref().map(moment_ms).transpose();
        let (running, usage) = (&listed.running, listed.token_usage.as_ref());
        Ok(Running {
            name: clean(&running.agent_name),
            agent_type: clean(&listed.agent_type),
            started_ms: moment_ms(&listed.start_time)?,
            tool: clean_some(&listed.current_tool),
            progress: running.progress,
            tokens: usage.map(|usage| usage.total_tokens.cast_signed()),
            cost: usage.and_then(|usage| usage.estimated_cost),
            task: clean_some(&listed.task_description),
            last_sign_ms: moment(&listed.last_seen)?,
            deadline_ms: moment(&listed.deadline)?,
            id: running.agent_id.clone(),
            parent_id: listed.parent_agent_id.clone(),
        })
    }

    /// The daemon's clock is ours; that of a host that sends may run ahead.
    pub fn elapsed_ms(&self, now_ms: i64) -> i64 {
        now_ms.saturating_sub(self.started_ms).max(0)
    }

    /// Whether three quarters of the silence that it is granted are over.
    pub fn is_near_deadline(&self, now_ms: i64) -> bool {
        match (self.last_sign_ms, self.deadline_ms) {
            (Some(sign), Some(deadline)) => {
                now_ms.saturating_sub(sign) >= deadline.saturating_sub(sign) / 4 * 3
            }
            _ => false,
        }
    }
}

/// Those of `GET /api/agents/alerts` that are not over. An alert is shown whatever else is said of
/// it: one that is not understood must not hide the others.
fn read_alerts(answer: &Value) -> Vec<Alert> {
    let all = answer["alerts"].as_array().map_or(&[][..], Vec::as_slice);
    let firing = all.iter().filter(|alert| alert["state"] != "resolved");
    let read = |alert: &Value| {
        let texts = ["message", "summary", "name"].map(|name| alert[name].as_str());
        Some(Alert {
            is_critical: alert["severity"] == "critical",
            text: clean(texts.into_iter().flatten().next()?),
        })
    };
    firing.filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use agentpulse_core::item::Tokens;

    #[test]
    fn an_answer_is_read_and_cleaned() {
        let totals = Totals {
            active_agents: 1,
            executions_today: 3,
            ..Totals::default()
        };
        let some = |text: &str| Some(text.to_owned());
        let mut listed = Listed {
            agent_type: "tester".to_owned(),
            start_time: "1970-01-01T00:00:01.000Z".to_owned(),
            current_tool: some("Ba\nsh"),
            parent_agent_id: some("p"),
            last_seen: some("1970-01-01T00:00:02.000Z"),
            deadline: some("1970-01-01T00:00:12.000Z"),
            token_usage: Some(Tokens {
                total_tokens: 9,
                estimated_cost: Some(0.5),
                ..Tokens::default()
            }),
            ..Listed::default()
        };
        listed.running.agent_id = "x\u{1b}".to_owned();
        listed.running.agent_name = "a\u{1b}[2J".to_owned();
        listed.running.progress = Some(0.45);
        let mut active = ActiveList {
            active: vec![listed],
            omitted: 3,
            ..ActiveList::default()
        };
        let alerts = json!({"alerts": [
            {"state": "firing", "severity": "critical", "message": "too\u{7} much"},
            {"state": "resolved", "message": "over"},
        ]});
        let snapshot = Snapshot::of(&totals, &active, &alerts, true).unwrap();
        let running = Running {
            id: "x\u{1b}".to_owned(),
            parent_id: Some("p".to_owned()),
            name: "a[2J".to_owned(),
            agent_type: "tester".to_owned(),
            started_ms: 1_000,
            tool: Some("Ba sh".to_owned()),
            progress: Some(0.45),
            tokens: Some(9),
            cost: Some(0.5),
            last_sign_ms: Some(2_000),
            deadline_ms: Some(12_000),
            ..Running::default()
        };
        assert_eq!((snapshot.running, snapshot.omitted), (vec![running], 3));
        let alert = Alert {
            is_critical: true,
            text: "too much".to_owned(),
        };
        assert_eq!(snapshot.alerts, [alert]);
        assert_eq!(snapshot.totals.executions_today, 3);
        assert!(snapshot.from_history);
        active.active[0].start_time.clear();
        assert!(Snapshot::of(&totals, &active, &json!(null), false).is_err());
        assert!(read_alerts(&json!(null)).is_empty());
    }

    #[test]
    fn the_last_quarter_of_the_silence_is_near_the_deadline() {
        let mut running = Running {
            started_ms: 1_000,
            last_sign_ms: Some(2_000),
            deadline_ms: Some(12_000),
            ..Running::default()
        };
        let near = [9_499, 9_500, 20_000].map(|now_ms| running.is_near_deadline(now_ms));
        assert_eq!(near, [false, true, true]);
        assert_eq!(
            [500, 4_000].map(|now_ms| running.elapsed_ms(now_ms)),
            [0, 3_000]
        );
        running.deadline_ms = None;
        assert!(!running.is_near_deadline(20_000));
    }
}
