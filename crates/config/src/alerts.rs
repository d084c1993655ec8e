//! The settings of alerts: rules, budgets and webhooks.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use hyper::Uri;

use super::error::ConfigError;
use super::resolve::{Resolver, reloaded};
use agentpulse_core::alert::{Rule, RuleSettings, Rules, Severity};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const MIB: u64 = 1 << 20;

/// Each has a queue and a task of its own.
const WEBHOOKS_MAX: usize = 8;
const URL_MAX_BYTES: usize = 2_048;
/// The ends of executions of an agent are remembered for a day.
const FAILURES_WINDOW: Duration = Duration::from_secs(86_400);
/// More failures of an agent in a row than this are not counted.
const FAILURES_MAX: u64 = 50;

const SEVERITIES: [(&str, Severity); 3] = [
    ("info", Severity::Info),
    ("warning", Severity::Warning),
    ("critical", Severity::Critical),
];

#[derive(Clone, Debug, PartialEq)]
pub struct Alerts {
    pub rules: Rules,
    pub webhooks: Vec<Webhook>,
}

#[derive(Clone, PartialEq)]
pub struct Webhook {
    /// `http://` or `https://` and a host; what follows may be a secret.
    pub url: Uri,
    pub format: WebhookFormat,
    pub severities: Vec<Severity>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookFormat {
    Json,
    Slack,
}

/// The threshold of a rule, in its unit.
enum Threshold {
    Number(u64, RangeInclusive<u64>),
    /// In milliseconds.
    Lag(Duration),
    /// In bytes.
    Size(u64),
    /// A budget, which has a key of its own; without one the rule is not in force.
    Budget(f64),
    /// A fault or none.
    Fault,
}

/// How far a rule looks back.
enum Window {
    Set(Duration),
    Always(Duration),
    None,
}

impl Alerts {
    pub(super) fn read(r: &mut Resolver) -> Result<Alerts, ConfigError> {
        use Severity::{Critical, Info, Warning};
        use Threshold::{Budget, Fault, Lag, Number, Size};
        let tokens = r.count(
            reloaded("alerts.daily_tokens"),
            0_u64,
            0..=1_000_000_000_000_000,
        )?;
        let cost_micros = r.dollars(reloaded("alerts.daily_cost"), 1_000_000)?;
        let percent = |default| Number(default, 1..=100);
        let share = |default| Number(default, 101..=10_000);
        let (now, soon) = (Duration::ZERO, 30 * SECOND);
        let (minutes, hour) = (Window::Set(5 * MINUTE), Window::Set(HOUR));
        let quarter = Window::Set(15 * MINUTE);
        let (last_hour, last_day) = (Window::Always(HOUR), Window::Always(FAILURES_WINDOW));
        let same = || Window::Set(5 * MINUTE);
        let all = [
            (Rule::SuccessRate, percent(80), minutes, now, Warning),
            (Rule::AvgDuration, share(200), hour, now, Warning),
            (
                Rule::TokenBudget,
                Budget(tokens as f64),
                Window::None,
                now,
                Warning,
            ),
            (
                Rule::CostBudget,
                Budget(cost_micros as f64 / 1e6),
                Window::None,
                now,
                Warning,
            ),
            (
                Rule::ActiveAgents,
                Number(10, 1..=1_000_000),
                Window::None,
                now,
                Warning,
            ),
            (Rule::RedisMemory, percent(80), Window::None, soon, Critical),
            (
                Rule::ApiLatency,
                Number(500, 1..=10_000),
                same(),
                now,
                Warning,
            ),
            (Rule::TokenSpike, share(300), last_hour, now, Warning),
            (Rule::LiveLag, Lag(5 * SECOND), Window::None, soon, Warning),
            (
                Rule::HistoryLag,
                Lag(10 * SECOND),
                Window::None,
                soon,
                Critical,
            ),
            (Rule::LiveDown, Fault, Window::None, 10 * SECOND, Critical),
            (
                Rule::HungAgent,
                Number(1, 1..=1_000_000),
                quarter,
                now,
                Warning,
            ),
            (Rule::Spool, percent(80), Window::None, now, Critical),
            (Rule::Disk, Size(512 * MIB), Window::None, now, Critical),
            (
                Rule::AgentFailing,
                Number(3, 1..=FAILURES_MAX),
                last_day,
                now,
                Warning,
            ),
            (Rule::ConfigReload, Fault, Window::None, now, Warning),
            (Rule::DefinitionBroken, Fault, Window::None, soon, Warning),
            (Rule::DefinitionTwin, Fault, Window::None, MINUTE, Warning),
            (Rule::OverBudget, Fault, Window::None, MINUTE, Info),
            (
                Rule::RegistryStale,
                Fault,
                Window::None,
                5 * MINUTE,
                Warning,
            ),
            (
                Rule::QueueLength,
                Number(100, 1..=100_000),
                Window::None,
                MINUTE,
                Warning,
            ),
            (
                Rule::TaskStuck,
                Lag(30 * MINUTE),
                Window::None,
                now,
                Warning,
            ),
            (
                Rule::TaskDead,
                Number(1, 1..=100_000),
                Window::Set(HOUR),
                now,
                Critical,
            ),
            (
                Rule::LeaseChurn,
                Number(3, 1..=100_000),
                Window::Set(15 * MINUTE),
                now,
                Warning,
            ),
        ];
        let mut rules = Vec::new();
        for (rule, threshold, window, hold, severity) in all {
            let settings = read_rule(r, rule, threshold, window, hold, severity)?;
            rules.extend(settings.map(|settings| (rule, settings)));
        }
        Ok(Alerts {
            rules: rules.into_iter().collect(),
            webhooks: read_webhooks(r)?,
        })
    }
}

/// Returns None if the rule is not in force.
fn read_rule(
    r: &mut Resolver,
    rule: Rule,
    threshold: Threshold,
    window: Window,
    hold: Duration,
    severity: Severity,
) -> Result<Option<RuleSettings>, ConfigError> {
    let key = |name: &str| format!("alerts.{}.{name}", rule.name());
    let is_enabled = r.flag(reloaded(&key("enabled")), true)?;
    let at = key("threshold");
    let threshold = match threshold {
        Threshold::Number(default, bounds) => r.count(reloaded(&at), default, bounds)? as f64,
        Threshold::Lag(default) => r
            .duration(reloaded(&at), default, SECOND..=HOUR)?
            .as_millis() as f64,
        Threshold::Size(default) => {
            r.bytes(reloaded(&at), default, MIB..=1_024 * 1_024 * MIB)? as f64
        }
        Threshold::Budget(budget) => budget,
        Threshold::Fault => 0.0,
    };
    let has_budget = rule != Rule::TokenBudget && rule != Rule::CostBudget || threshold > 0.0;
    let window = match window {
        Window::Set(default) => {
            r.duration(reloaded(&key("window")), default, 10 * SECOND..=HOUR)?
        }
        Window::Always(window) => window,
        Window::None => Duration::ZERO,
    };
    let settings = RuleSettings {
        threshold,
        window_ms: window.as_millis() as i64,
        hold: r.duration(reloaded(&key("for")), hold, Duration::ZERO..=HOUR)?,
        severity: r.choice(
            reloaded(&key("severity")),
            (severity.name(), severity),
            &SEVERITIES,
        )?,
    };
    Ok((is_enabled && has_budget).then_some(settings))
}

fn read_webhooks(r: &mut Resolver) -> Result<Vec<Webhook>, ConfigError> {
    let mut webhooks = Vec::new();
    for i in 0..WEBHOOKS_MAX {
        let name = format!("alerts.webhooks.{i}");
        if r.has_below(&name) {
            webhooks.push(read_webhook(r, &name)?);
        }
    }
    let beyond = format!("alerts.webhooks.{WEBHOOKS_MAX}");
    if r.has_below(&beyond) {
        let problem = format!("alerts.webhooks must be at most {WEBHOOKS_MAX}");
        return Err(ConfigError::new(beyond, problem));
    }
    Ok(webhooks)
}

fn read_webhook(r: &mut Resolver, name: &str) -> Result<Webhook, ConfigError> {
    let formats = [
        ("json", WebhookFormat::Json),
        ("slack", WebhookFormat::Slack),
    ];
    let url_key = format!("{name}.url");
    let must = "http:// or https:// with a host, without a user";
    let show = |url: &Option<Uri>| url.as_ref().map_or(String::new(), mask_url);
    let url = r.text(
        &*url_key,
        None,
        must,
        |text| parse_url(text).map(Some),
        show,
    )?;
    let Some(url) = url else {
        let problem = format!("{url_key} must be set: {must}");
        return Err(ConfigError::new(name, problem));
    };
    let severities = r.list(
        &*format!("{name}.severities"),
        "one of info, warning, critical",
        |text| severity(text).map(|severity| severity.name().to_owned()),
    )?;
    let mut severities: Vec<Severity> = severities.iter().filter_map(|s| severity(s)).collect();
    if severities.is_empty() {
        severities = SEVERITIES.map(|(_, severity)| severity).to_vec();
    }
    Ok(Webhook {
        format: r.choice(&*format!("{name}.format"), formats[0], &formats)?,
        url,
        severities,
    })
}

fn severity(text: &str) -> Option<Severity> {
    let found = SEVERITIES.iter().find(|(name, _)| *name == text);
    found.map(|(_, severity)| *severity)
}

fn parse_url(text: &str) -> Option<Uri> {
    let url: Uri = text.parse().ok()?;
    let is_web = matches!(url.scheme_str(), Some("http" | "https"));
    let authority = url.authority()?;
    let is_plain = !authority.as_str().contains('@') && !authority.host().is_empty();
    (is_web && is_plain && text.len() <= URL_MAX_BYTES).then_some(url)
}

/// The path of a Slack hook is a secret: it is enough to write there.
fn mask_url(url: &Uri) -> String {
    let scheme = url.scheme_str().unwrap_or_default();
    let host = url.authority().map_or("", |authority| authority.as_str());
    match url.path_and_query().map(|path| path.as_str()) {
        None | Some("/") => format!("{scheme}://{host}/"),
        Some(_) => format!("{scheme}://{host}/***"),
    }
}

/// By hand, so that no log of a configuration shows the secret.
impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook")
            .field("url", &mask_url(&self.url))
            .field("format", &self.format)
            .field("severities", &self.severities)
            .finish()
    }
}

#[cfg(test)]
mod tests;
