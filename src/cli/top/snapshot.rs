//! What the daemon answered, as far as it is shown.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::cli::text::clean;

/// What runs, and the sums of the UTC day.
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

/// As `GET /api/agents/metrics/current` answers them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
pub struct Totals {
    pub active_agents: i64,
    pub executions_today: i64,
    pub success_rate: f64,
    pub avg_duration_ms: i64,
    pub tokens_used_today: i64,
    /// Dollars.
    pub estimated_cost_today: f64,
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

/// Written in RFC 3339.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub struct Moment {
    pub ms: i64,
}

impl TryFrom<String> for Moment {
    type Error = jiff::Error;

    fn try_from(text: String) -> Result<Moment, jiff::Error> {
        let ms = text.parse::<Timestamp>()?.as_millisecond();
        Ok(Moment { ms })
    }
}

#[derive(Deserialize)]
struct Active {
    active: Vec<Listed>,
    #[serde(default)]
    omitted: usize,
}

#[derive(Deserialize)]
struct Listed {
    agent_id: String,
    agent_name: String,
    agent_type: String,
    start_time: Moment,
    current_tool: Option<String>,
    progress: Option<f64>,
    parent_agent_id: Option<String>,
    task_description: Option<String>,
    last_seen: Option<Moment>,
    deadline: Option<Moment>,
    #[serde(default)]
    token_usage: Option<TokenUsage>,
}

#[derive(Deserialize)]
struct TokenUsage {
    total_tokens: i64,
    estimated_cost: Option<f64>,
}

impl Snapshot {
    /// # Errors
    /// An answer that is not as the daemon of this version writes it.
    pub fn read(
        totals: &Value,
        active: &Value,
        alerts: &Value,
        from_history: bool,
    ) -> Result<Snapshot, serde_json::Error> {
        let Active { active, omitted } = Active::deserialize(active)?;
        Ok(Snapshot {
            totals: Totals::deserialize(totals)?,
            running: active.into_iter().map(Running::of).collect(),
            omitted,
            alerts: read_alerts(alerts),
            from_history,
        })
    }
}

impl Running {
    fn of(listed: Listed) -> Running {
        let clean_some = |text: Option<String>| text.as_deref().map(clean);
        Running {
            name: clean(&listed.agent_name),
            agent_type: clean(&listed.agent_type),
            started_ms: listed.start_time.ms,
            tool: clean_some(listed.current_tool),
            progress: listed.progress,
            tokens: listed.token_usage.as_ref().map(|usage| usage.total_tokens),
            cost: listed.token_usage.and_then(|usage| usage.estimated_cost),
            task: clean_some(listed.task_description),
            last_sign_ms: listed.last_seen.map(|at| at.ms),
            deadline_ms: listed.deadline.map(|at| at.ms),
            id: listed.agent_id,
            parent_id: listed.parent_agent_id,
        }
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

    #[test]
    fn an_answer_is_read_and_cleaned() {
        let totals = json!({
            "active_agents": 1, "executions_today": 3, "success_rate": 0.5, "avg_duration_ms": 7,
            "tokens_used_today": 9, "estimated_cost_today": 0.25, "active_agent_details": [],
        });
        let active = json!({"active": [{
            "agent_id": "x\u{1b}", "agent_name": "a\u{1b}[2J", "agent_type": "tester",
            "start_time": "1970-01-01T00:00:01.000Z", "current_tool": "Ba\nsh", "progress": 0.45,
            "parent_agent_id": "p", "task_description": null,
            "token_usage": {"total_tokens": 9, "estimated_cost": 0.5},
            "last_seen": "1970-01-01T00:00:02.000Z", "deadline": "1970-01-01T00:00:12.000Z",
        }], "omitted": 3});
        let alerts = json!({"alerts": [
            {"state": "firing", "severity": "critical", "message": "too\u{7} much"},
            {"state": "resolved", "message": "over"},
        ]});
        let snapshot = Snapshot::read(&totals, &active, &alerts, true).unwrap();
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
        assert!(Snapshot::read(&totals, &json!({}), &json!(null), false).is_err());
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
