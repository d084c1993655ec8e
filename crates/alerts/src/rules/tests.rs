use std::time::Duration;

use super::Level::{Breach, Clear, Near};
use super::*;
use crate::inputs::{Hung, Requests, Spent};
use agentpulse_core::alert::Severity;
use agentpulse_reports::probe::RedisMemory;

/// All rules as they are by default, budgets apart.
fn rules() -> Rules {
    let set = |(rule, threshold, window_s): (Rule, f64, i64)| {
        let settings = RuleSettings {
            threshold,
            window_ms: window_s * 1_000,
            hold: Duration::ZERO,
            severity: Severity::Warning,
        };
        (rule, settings)
    };
    let all = [
        (Rule::SuccessRate, 80.0, 300),
        (Rule::AvgDuration, 200.0, 3_600),
        (Rule::TokenBudget, 1_000_000.0, 0),
        (Rule::CostBudget, 25.5, 0),
        (Rule::ActiveAgents, 10.0, 0),
        (Rule::RedisMemory, 80.0, 0),
        (Rule::ApiLatency, 500.0, 300),
        (Rule::TokenSpike, 300.0, 3_600),
        (Rule::LiveLag, 5_000.0, 0),
        (Rule::HistoryLag, 10_000.0, 0),
        (Rule::LiveDown, 0.0, 0),
        (Rule::HungAgent, 1.0, 900),
        (Rule::Spool, 80.0, 0),
        (Rule::Disk, 1_000.0, 0),
        (Rule::AgentFailing, 3.0, 86_400),
        (Rule::ConfigReload, 0.0, 0),
        (Rule::DefinitionBroken, 0.0, 0),
        (Rule::DefinitionTwin, 0.0, 0),
        (Rule::OverBudget, 0.0, 0),
        (Rule::RegistryStale, 0.0, 0),
        (Rule::QueueLength, 100.0, 0),
        (Rule::TaskStuck, 1_800_000.0, 0),
        (Rule::TaskDead, 1.0, 3_600),
        (Rule::LeaseChurn, 3.0, 900),
    ];
    all.into_iter().map(set).collect()
}

fn said(rule: Rule, inputs: &Inputs) -> Option<Vec<Evaluation>> {
    let mut all = evaluate(inputs, &rules()).into_iter();
    all.find(|(of, ..)| *of == rule)
        .and_then(|(_, _, said)| said)
}

/// The level of the one thing that is said of a rule, and its value.
#[track_caller]
fn level(rule: Rule, inputs: &Inputs) -> (Level, f64) {
    let said = said(rule, inputs).expect("it can be judged");
    assert_eq!(said.len(), 1, "{said:?}");
    (said[0].level, said[0].value)
}

fn inputs(change: impl FnOnce(&mut Inputs)) -> Inputs {
    let mut inputs = Inputs::default();
    change(&mut inputs);
    inputs
}

#[test]
fn every_rule_is_quiet_while_nothing_happens_and_says_so_when_it_cannot_know() {
    let said = evaluate(&Inputs::default(), &rules());
    assert_eq!(said.len(), Rule::ALL.len());
    for (rule, _, said) in said {
        let unknown = [
            Rule::AvgDuration,
            Rule::TokenBudget,
            Rule::CostBudget,
            Rule::ActiveAgents,
            Rule::RedisMemory,
            Rule::TokenSpike,
            Rule::Spool,
            Rule::Disk,
        ];
        assert_eq!(said.is_none(), unknown.contains(&rule), "{rule:?}");
        let loud = said.iter().flatten().find(|said| said.level != Clear);
        assert_eq!(loud, None, "{rule:?}");
    }
    assert_eq!(evaluate(&Inputs::default(), &Rules::default()), []);
}

#[test]
fn success_rate_needs_five_executions() {
    let rate =
        |ended, succeeded| inputs(|inputs| (inputs.ended, inputs.succeeded) = (ended, succeeded));
    let of = |ended, succeeded| level(Rule::SuccessRate, &rate(ended, succeeded));
    assert_eq!(said(Rule::SuccessRate, &rate(4, 0)), Some(vec![]));
    assert_eq!(of(5, 3), (Breach, 60.0));
    assert_eq!(of(5, 4), (Near, 80.0));
    assert_eq!(of(100, 79), (Breach, 79.0));
    assert_eq!(of(100, 87), (Near, 87.0));
    assert_eq!(of(100, 88), (Clear, 88.0));
    let message = &said(Rule::SuccessRate, &rate(6, 2)).unwrap()[0].message;
    assert_eq!(message, "33.3 % of 6 executions in 5 min succeeded");
}

#[test]
fn an_agent_is_slow_beside_its_own_days_before() {
    let agent = |name: &str, mean_ms, baseline_ms| AgentDuration {
        agent_name: name.to_owned(),
        executions: 6,
        mean_ms,
        baseline_ms,
    };
    let durations = vec![
        agent("usual", 1_700.0, Some(1_000.0)),
        agent("slow", 2_500.0, Some(1_000.0)),
        agent("new", 9_000.0, None),
        agent("idle", 9_000.0, Some(0.0)),
        agent("wavering", 1_900.0, Some(1_000.0)),
    ];
    let said = said(
        Rule::AvgDuration,
        &inputs(|inputs| inputs.durations = Some(durations)),
    );
    let said = said.unwrap();
    let messages: Vec<_> = said
        .iter()
        .map(|said| (said.subject.as_deref().unwrap(), said.level, said.value))
        .collect();
    assert_eq!(
        messages,
        [
            ("slow", Breach, 250.0),
            ("wavering", Near, 190.0),
            ("usual", Clear, 170.0)
        ]
    );
    assert_eq!(
        said[0].message,
        "slow took 2.5 s on average, of 6 executions in 1 h; its 7 days before 1.0 s"
    );
}

#[test]
fn budgets_are_of_the_day() {
    let spent = |tokens, cost| inputs(|inputs| inputs.today = Some(Spent { tokens, cost }));
    assert_eq!(level(Rule::TokenBudget, &spent(1_000_000, 0.0)).0, Clear);
    assert_eq!(level(Rule::TokenBudget, &spent(1_000_001, 0.0)).0, Breach);
    assert_eq!(level(Rule::CostBudget, &spent(0, 25.5)).0, Clear);
    assert_eq!(level(Rule::CostBudget, &spent(0, 25.51)), (Breach, 25.51));
    let message = &said(Rule::CostBudget, &spent(0, 31.256)).unwrap()[0].message;
    assert_eq!(message, "$31.26 spent today; the budget is $25.50");
}

#[test]
fn more_than_ten_agents_may_be_a_runaway() {
    let of = |active| level(Rule::ActiveAgents, &inputs(|i| i.active = Some(active))).0;
    assert_eq!([9, 10, 11].map(of), [Clear, Near, Breach]);
}

#[test]
fn redis_fills_only_where_it_has_a_bound() {
    let memory = |used, max| inputs(|inputs| inputs.memory = Some(RedisMemory { used, max }));
    let of = |used| level(Rule::RedisMemory, &memory(used, 1_000)).0;
    assert_eq!([720, 721, 800, 801].map(of), [Clear, Near, Near, Breach]);
    assert_eq!(said(Rule::RedisMemory, &memory(u64::MAX, 0)), Some(vec![]));
}

#[test]
fn latency_needs_requests() {
    let requests = |count, p99_ms| inputs(|i| i.requests = Requests { count, p99_ms });
    assert_eq!(said(Rule::ApiLatency, &requests(19, 900.0)), Some(vec![]));
    let of = |p99_ms| level(Rule::ApiLatency, &requests(20, p99_ms)).0;
    assert_eq!(
        [450.0, 451.0, 500.0, 501.0].map(of),
        [Clear, Near, Near, Breach]
    );
}

#[test]
fn a_spike_is_beside_the_same_hour_and_not_small() {
    let tokens =
        |now, usual| inputs(|inputs| (inputs.hour_tokens, inputs.usual_tokens) = (now, usual));
    let of = |now| level(Rule::TokenSpike, &tokens(now, Some(100_000.0)));
    assert_eq!(of(300_000), (Near, 300.0));
    assert_eq!(of(300_001).0, Breach);
    assert_eq!(of(270_000).0, Clear);
    let quiet = Some(vec![]);
    assert_eq!(said(Rule::TokenSpike, &tokens(99_999, Some(10.0))), quiet);
    assert_eq!(said(Rule::TokenSpike, &tokens(9_000_000, Some(0.0))), quiet);
    assert_eq!(said(Rule::TokenSpike, &tokens(9_000_000, None)), None);
}

#[test]
fn views_that_are_late_or_away() {
    let live = |lag_ms| level(Rule::LiveLag, &inputs(|i| i.live_lag_ms = lag_ms)).0;
    assert_eq!(
        [4_500, 5_000, 5_001, i64::MAX].map(live),
        [Clear, Near, Breach, Breach]
    );
    let history = |late_ms| level(Rule::HistoryLag, &inputs(|i| i.history_late_ms = late_ms)).0;
    assert_eq!([9_000, 10_001].map(history), [Clear, Breach]);
    let away = inputs(|i| i.live_down = Some("live is away: refused".to_owned()));
    assert_eq!(level(Rule::LiveDown, &away), (Breach, 1.0));
    assert_eq!(
        said(Rule::LiveDown, &away).unwrap()[0].message,
        "live is away: refused"
    );
    let reload = inputs(|i| i.reload_failed = Some("agentpulse.toml:3: no".to_owned()));
    assert_eq!(level(Rule::ConfigReload, &reload).0, Breach);
}

#[test]
fn hung_agents_are_those_ended_and_those_that_soon_are() {
    let hung = |reaped, near| {
        let agent_names = vec!["a".to_owned(), "b".to_owned()];
        inputs(|inputs| {
            inputs.hung = Hung {
                reaped,
                agent_names,
                near,
            };
        })
    };
    assert_eq!(said(Rule::HungAgent, &hung(0, 0)), Some(vec![]));
    assert_eq!(level(Rule::HungAgent, &hung(0, 1)), (Breach, 1.0));
    assert_eq!(level(Rule::HungAgent, &hung(2, 1)), (Breach, 3.0));
    assert_eq!(
        said(Rule::HungAgent, &hung(2, 1)).unwrap()[0].message,
        "2 fell silent and were ended in 15 min (a, b); 1 are silent and near their deadline"
    );
}

#[test]
fn places_that_fill() {
    let spool = |used| {
        level(
            Rule::Spool,
            &inputs(|i| i.spool_bytes = Some((used, 1_000))),
        )
        .0
    };
    assert_eq!([720, 721, 801].map(spool), [Clear, Near, Breach]);
    let disk = |free| level(Rule::Disk, &inputs(|i| i.disk_free_bytes = Some(free))).0;
    assert_eq!(
        [999, 1_000, 1_099, 1_100].map(disk),
        [Breach, Near, Near, Clear]
    );
}

#[test]
fn an_agent_that_fails_again_and_again() {
    let failing = |count| inputs(|inputs| inputs.failing = vec![("a".to_owned(), count)]);
    assert_eq!(level(Rule::AgentFailing, &failing(3)), (Breach, 3.0));
    assert_eq!(level(Rule::AgentFailing, &failing(2)).0, Near);
    let many = (0..50).map(|i| (format!("agent-{i}"), i)).collect();
    let said = said(Rule::AgentFailing, &inputs(|inputs| inputs.failing = many)).unwrap();
    assert_eq!(
        (said.len(), said[0].value, said[19].value),
        (20, 49.0, 30.0)
    );
}

#[test]
fn a_queue_is_judged_by_role() {
    let one = |count| vec![("qa".to_owned(), count)];
    let inputs = inputs(|inputs| {
        inputs.tasks.pending = one(101);
        inputs.tasks.waiting_ms = one(1_860_000);
        inputs.tasks.failed = one(1);
        inputs.tasks.lost = one(2);
    });
    assert_eq!(level(Rule::QueueLength, &inputs), (Breach, 101.0));
    assert_eq!(level(Rule::TaskStuck, &inputs), (Breach, 1_860_000.0));
    assert_eq!(level(Rule::TaskDead, &inputs), (Breach, 1.0));
    assert_eq!(level(Rule::LeaseChurn, &inputs), (Clear, 2.0));
    let stuck = said(Rule::TaskStuck, &inputs).expect("it can be judged");
    assert_eq!(stuck[0].subject.as_deref(), Some("qa"));
    assert_eq!(stuck[0].message, "a task has waited for qa for 31 min");
    let dead = said(Rule::TaskDead, &inputs).expect("it can be judged");
    let expected = "1 tasks of qa have failed in 1 h, after all attempts";
    assert_eq!(dead[0].message, expected);
}
