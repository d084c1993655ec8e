//! The rules: the inputs against the settings. Pure.

use super::definitions::Fault;
use super::inputs::{AgentDuration, Inputs};
use agentpulse_core::alert::{Rule, RuleSettings, Rules};

/// With fewer executions, or requests, a rate or a mean says nothing.
pub const MIN_EXECUTIONS: i64 = 5;
const MIN_REQUESTS: u64 = 20;
/// Fewer tokens an hour are no spike, however few were usual: an agent that runs once in an evening
/// is nobody's concern.
const MIN_SPIKE_TOKENS: i64 = 100_000;
/// Agents that one rule reports, those that are furthest from its threshold.
const MAX_SUBJECTS: usize = 20;
/// How far a value must come back before an alert resolves, as a share of its threshold: one that
/// wavers around it is not to fire again and again.
const MARGIN: f64 = 0.1;

/// The result for one subject.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    pub subject: Option<String>,
    pub level: Level,
    pub value: f64,
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Breach,
    /// Within the threshold, and too near to it for what fires to resolve.
    Near,
    Clear,
}

/// Evaluates every rule that is in force; None if its inputs are unknown: then what fires goes on.
/// A subject that is not among the evaluations is clear.
pub fn evaluate(
    inputs: &Inputs,
    rules: &Rules,
) -> Vec<(Rule, RuleSettings, Option<Vec<Evaluation>>)> {
    let in_force = |rule| Some((rule, *rules.get(rule)?));
    let rules = Rule::ALL.into_iter().filter_map(in_force);
    rules
        .map(|(rule, settings)| (rule, settings, of_rule(rule, inputs, &settings)))
        .collect()
}

fn of_rule(rule: Rule, inputs: &Inputs, set: &RuleSettings) -> Option<Vec<Evaluation>> {
    let limit = set.threshold;
    let none = Vec::new();
    match rule {
        Rule::SuccessRate => Some(success_rate(inputs, set)),
        Rule::AvgDuration => Some(slower(inputs.durations.as_ref()?, set)),
        Rule::TokenBudget => {
            let tokens = inputs.today?.tokens;
            let message = format!("{tokens} tokens today; the budget is {limit}");
            Some(whole(beyond(tokens as f64, limit), tokens as f64, message))
        }
        Rule::CostBudget => {
            let cost = inputs.today?.cost;
            let message = format!("${cost:.2} spent today; the budget is ${limit:.2}");
            Some(whole(beyond(cost, limit), cost, message))
        }
        Rule::ActiveAgents => {
            let active = inputs.active?;
            let message = format!("{active} agents run; more than {limit} may be a runaway");
            Some(whole(above(active as f64, limit), active as f64, message))
        }
        Rule::RedisMemory => {
            let memory = inputs.memory?;
            let (used, max) = (memory.used >> 20, memory.max >> 20);
            let message = format!("Redis uses {used} of {max} MiB");
            Some(filled(memory.used, memory.max, limit, message))
        }
        Rule::ApiLatency if inputs.requests.count < MIN_REQUESTS => Some(none),
        Rule::ApiLatency => {
            let (p99_ms, count) = (inputs.requests.p99_ms, inputs.requests.count);
            let window = span(set.window_ms);
            let message = format!("p99 is {p99_ms:.0} ms, of {count} requests in {window}");
            Some(whole(above(p99_ms, limit), p99_ms, message))
        }
        Rule::TokenSpike => Some(spike(inputs.hour_tokens, inputs.usual_tokens?, limit)),
        Rule::LiveLag => Some(lag("the live view", inputs.live_lag_ms, limit)),
        Rule::HistoryLag => Some(lag("history", inputs.history_late_ms, limit)),
        Rule::LiveDown => Some(fault(&inputs.live_down)),
        Rule::HungAgent => Some(hung(inputs, set)),
        Rule::Spool => {
            let (used, max) = inputs.spool_bytes?;
            let message = format!("the spool holds {} of {} KiB", used >> 10, max >> 10);
            Some(filled(used, max, limit, message))
        }
        Rule::Disk => {
            let free = inputs.disk_free_bytes?;
            let message = format!("{} MiB are free where the data is", free >> 20);
            let level = below(free as f64, limit, f64::INFINITY);
            Some(whole(level, free as f64, message))
        }
        Rule::AgentFailing => Some(failing(&inputs.failing, limit)),
        Rule::ConfigReload => Some(fault(&inputs.reload_failed)),
        Rule::DefinitionBroken => Some(faults(&inputs.definitions.broken)),
        Rule::DefinitionTwin => Some(faults(&inputs.definitions.twins)),
        Rule::OverBudget => Some(faults(&inputs.definitions.over_budget)),
        Rule::RegistryStale => Some(fault(&inputs.definitions.stale)),
        Rule::QueueLength => Some(each(&inputs.tasks.pending, above, limit, |role, count| {
            format!("{count} tasks wait for {role}")
        })),
        Rule::TaskStuck => Some(each(&inputs.tasks.waiting_ms, above, limit, |role, ms| {
            format!("a task has waited for {role} for {}", span(*ms))
        })),
        Rule::TaskDead => {
            let window = span(set.window_ms);
            Some(each(
                &inputs.tasks.failed,
                at_least,
                limit,
                |role, count| {
                    format!("{count} tasks of {role} have failed in {window}, after all attempts")
                },
            ))
        }
        Rule::LeaseChurn => {
            let window = span(set.window_ms);
            Some(each(&inputs.tasks.lost, at_least, limit, |role, count| {
                format!("{count} tasks of {role} were lost by their workers in {window}")
            }))
        }
    }
}

fn success_rate(inputs: &Inputs, set: &RuleSettings) -> Vec<Evaluation> {
    if inputs.ended < MIN_EXECUTIONS {
        return Vec::new();
    }
    let percent = inputs.succeeded as f64 * 100.0 / inputs.ended as f64;
    let message = format!(
        "{percent:.1} % of {} executions in {} succeeded",
        inputs.ended,
        span(set.window_ms)
    );
    whole(below(percent, set.threshold, 100.0), percent, message)
}

/// Each agent is compared with itself: of all together the mean moves whenever others run.
fn slower(durations: &[AgentDuration], set: &RuleSettings) -> Vec<Evaluation> {
    let evaluate = |agent: &AgentDuration| {
        let baseline_ms = agent.baseline_ms.filter(|&ms| ms > 0.0)?;
        let percent = agent.mean_ms * 100.0 / baseline_ms;
        Some(Evaluation {
            subject: Some(agent.agent_name.clone()),
            level: above(percent, set.threshold),
            value: percent,
            message: format!(
                "{} took {:.1} s on average, of {} executions in {}; its 7 days before {:.1} s",
                agent.agent_name,
                agent.mean_ms / 1e3,
                agent.executions,
                span(set.window_ms),
                baseline_ms / 1e3
            ),
        })
    };
    furthest(durations.iter().filter_map(evaluate).collect())
}

fn spike(tokens: i64, usual: f64, limit: f64) -> Vec<Evaluation> {
    if tokens < MIN_SPIKE_TOKENS || usual <= 0.0 {
        return Vec::new();
    }
    let percent = tokens as f64 * 100.0 / usual;
    let message =
        format!("{tokens} tokens in the last hour; {usual:.0} at this time on the days before");
    whole(above(percent, limit), percent, message)
}

fn lag(what: &str, lag_ms: i64, limit: f64) -> Vec<Evaluation> {
    let message = match lag_ms {
        i64::MAX => format!("{what} is far behind"),
        lag_ms => format!("{what} is {lag_ms} ms behind"),
    };
    whole(above(lag_ms as f64, limit), lag_ms as f64, message)
}

fn hung(inputs: &Inputs, set: &RuleSettings) -> Vec<Evaluation> {
    let hung = &inputs.hung;
    let count = hung.reaped + hung.near;
    if count == 0 {
        return Vec::new();
    }
    let names = match hung.agent_names.join(", ") {
        names if names.is_empty() => names,
        names => format!(" ({names})"),
    };
    let message = format!(
        "{} fell silent and were ended in {}{names}; {} are silent and near their deadline",
        hung.reaped,
        span(set.window_ms),
        hung.near
    );
    let level = if count as f64 >= set.threshold {
        Level::Breach
    } else {
        Level::Near
    };
    whole(level, count as f64, message)
}

/// It resolves with a success.
fn failing(failing: &[(String, u64)], limit: f64) -> Vec<Evaluation> {
    let evaluate = |(agent_name, count): &(String, u64)| Evaluation {
        subject: Some(agent_name.clone()),
        level: if *count as f64 >= limit {
            Level::Breach
        } else {
            Level::Near
        },
        value: *count as f64,
        message: format!("{agent_name} has not succeeded {count} times in a row"),
    };
    furthest(failing.iter().map(evaluate).collect())
}

/// By role or agent.
fn each(
    values: &[(String, i64)],
    level: fn(f64, f64) -> Level,
    limit: f64,
    message: impl Fn(&str, &i64) -> String,
) -> Vec<Evaluation> {
    let evaluate = |(name, value): &(String, i64)| Evaluation {
        subject: Some(name.clone()),
        level: level(*value as f64, limit),
        value: *value as f64,
        message: message(name, value),
    };
    furthest(values.iter().map(evaluate).collect())
}

fn furthest(mut evaluations: Vec<Evaluation>) -> Vec<Evaluation> {
    evaluations.sort_by(|a, b| {
        let by_value = b.value.total_cmp(&a.value);
        by_value.then_with(|| a.subject.cmp(&b.subject))
    });
    evaluations.truncate(MAX_SUBJECTS);
    evaluations
}

/// A share in percent; without a bound nothing fills.
fn filled(used: u64, max: u64, limit: f64, message: String) -> Vec<Evaluation> {
    if max == 0 {
        return Vec::new();
    }
    let percent = used as f64 * 100.0 / max as f64;
    whole(above(percent, limit), percent, message)
}

fn fault(reason: &Option<String>) -> Vec<Evaluation> {
    match reason {
        Some(reason) => whole(Level::Breach, 1.0, reason.clone()),
        None => Vec::new(),
    }
}

fn faults(faults: &[Fault]) -> Vec<Evaluation> {
    let evaluate = |fault: &Fault| Evaluation {
        subject: Some(fault.subject.clone()),
        level: Level::Breach,
        value: 1.0,
        message: fault.message.clone(),
    };
    let mut all = furthest(faults.iter().map(evaluate).collect());
    all.dedup_by(|a, b| a.subject == b.subject);
    all
}

fn whole(level: Level, value: f64, message: String) -> Vec<Evaluation> {
    vec![Evaluation {
        subject: None,
        level,
        value,
        message,
    }]
}

fn above(value: f64, limit: f64) -> Level {
    if value > limit {
        Level::Breach
    } else if value > limit * (1.0 - MARGIN) {
        Level::Near
    } else {
        Level::Clear
    }
}

/// Of what leaves the window in its time: it does not waver.
fn at_least(value: f64, limit: f64) -> Level {
    if value >= limit {
        Level::Breach
    } else {
        Level::Clear
    }
}

/// `best` is the highest that the value can be.
fn below(value: f64, limit: f64, best: f64) -> Level {
    if value < limit {
        Level::Breach
    } else if value < (limit * (1.0 + MARGIN)).min(best) {
        Level::Near
    } else {
        Level::Clear
    }
}

/// A value that only grows until its day ends cannot waver.
fn beyond(value: f64, limit: f64) -> Level {
    if value > limit {
        Level::Breach
    } else {
        Level::Clear
    }
}

/// A window in words.
fn span(window_ms: i64) -> String {
    match window_ms / 1_000 {
        seconds if seconds % 3_600 == 0 => format!("{} h", seconds / 3_600),
        seconds if seconds % 60 == 0 => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}

#[cfg(test)]
mod tests;
