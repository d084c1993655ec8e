//! From levels to alerts: pending, firing, resolved. Pure; both clocks are parameters.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use xxhash_rust::xxh3::xxh3_64;

use super::rules::{Evaluation, Level};
use agentpulse_core::alert::{Alert, Rule, RuleSettings, Rules, State};

/// Now, on both clocks: wall time is for display, monotonic time for measuring.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    pub wall_ms: i64,
    pub monotonic: Instant,
}

/// What is pending or fires, by rule and subject.
#[derive(Default)]
pub struct AlertStateMachine(BTreeMap<(Rule, Option<String>), Occurrence>);

struct Occurrence {
    alert: Arc<Alert>,
    since: Instant,
}

impl AlertStateMachine {
    /// Applies the evaluations of a rule; returns the alerts that fired or were resolved by them.
    pub fn step(
        &mut self,
        rule: Rule,
        settings: &RuleSettings,
        evaluations: Vec<Evaluation>,
        now: Now,
    ) -> Vec<Arc<Alert>> {
        let mut news = Vec::new();
        let mut seen = Vec::with_capacity(evaluations.len());
        for evaluation in evaluations {
            seen.push(evaluation.subject.clone());
            news.extend(self.take(rule, settings, evaluation, now));
        }
        let gone = self
            .0
            .keys()
            .filter(|(of, subject)| *of == rule && !seen.contains(subject));
        for key in gone.cloned().collect::<Vec<_>>() {
            news.extend(self.clear(&key, None, now));
        }
        news
    }

    /// Clears the alerts of rules that are not in force any more; returns those that it resolved.
    pub fn keep(&mut self, rules: &Rules, now: Now) -> Vec<Arc<Alert>> {
        let gone = self.0.keys().filter(|(rule, _)| rules.get(*rule).is_none());
        let gone: Vec<_> = gone.cloned().collect();
        let resolved = gone.iter().filter_map(|key| self.clear(key, None, now));
        resolved.collect()
    }

    /// Those that are pending or fire.
    pub fn active(&self) -> impl Iterator<Item = &Arc<Alert>> {
        self.0.values().map(|occurrence| &occurrence.alert)
    }

    fn take(
        &mut self,
        rule: Rule,
        settings: &RuleSettings,
        evaluation: Evaluation,
        now: Now,
    ) -> Option<Arc<Alert>> {
        let key = (rule, evaluation.subject.clone());
        match (self.0.get_mut(&key), evaluation.level) {
            (None, Level::Near | Level::Clear) => return None,
            (None, Level::Breach) => {
                let occurrence = Occurrence::begin(rule, settings, evaluation, now);
                self.0.insert(key.clone(), occurrence);
            }
            (Some(occurrence), Level::Breach) => occurrence.update(evaluation),
            (Some(occurrence), Level::Near) if occurrence.is_firing() => {
                occurrence.update(evaluation);
            }
            (Some(_), Level::Near | Level::Clear) => {
                return self.clear(&key, Some(evaluation), now);
            }
        }
        let occurrence = self.0.get_mut(&key)?;
        let held = now.monotonic.saturating_duration_since(occurrence.since);
        if occurrence.is_firing() || held < settings.hold {
            return None;
        }
        let alert = Arc::make_mut(&mut occurrence.alert);
        (alert.state, alert.fired_ms) = (State::Firing, Some(now.wall_ms));
        Some(occurrence.alert.clone())
    }

    /// A pending alert is dropped without a message: it never fired.
    fn clear(
        &mut self,
        key: &(Rule, Option<String>),
        last: Option<Evaluation>,
        now: Now,
    ) -> Option<Arc<Alert>> {
        let mut occurrence = self.0.remove(key).filter(Occurrence::is_firing)?;
        if let Some(last) = last {
            occurrence.update(last);
        }
        let alert = Arc::make_mut(&mut occurrence.alert);
        (alert.state, alert.resolved_ms) = (State::Resolved, Some(now.wall_ms));
        Some(occurrence.alert)
    }
}

impl Occurrence {
    fn begin(rule: Rule, settings: &RuleSettings, evaluation: Evaluation, now: Now) -> Occurrence {
        let subject = evaluation.subject;
        let unique = (rule.name(), &subject, now.wall_ms);
        let alert = Alert {
            id: format!("{:016x}", xxh3_64(format!("{unique:?}").as_bytes())),
            rule,
            severity: settings.severity,
            state: State::Pending,
            since_ms: now.wall_ms,
            fired_ms: None,
            resolved_ms: None,
            value: rounded(evaluation.value),
            threshold: settings.threshold,
            unit: rule.unit(),
            message: evaluation.message,
            subject,
        };
        Occurrence {
            alert: Arc::new(alert),
            since: now.monotonic,
        }
    }

    fn is_firing(&self) -> bool {
        self.alert.state == State::Firing
    }

    fn update(&mut self, evaluation: Evaluation) {
        let alert = Arc::make_mut(&mut self.alert);
        alert.value = rounded(evaluation.value);
        alert.message = evaluation.message;
    }
}

/// To hundredths: more digits of a percentage say nothing.
fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use agentpulse_core::alert::Severity;

    fn settings(hold_s: u64) -> RuleSettings {
        RuleSettings {
            threshold: 10.0,
            window_ms: 0,
            hold: Duration::from_secs(hold_s),
            severity: Severity::Warning,
        }
    }

    fn evaluation(subject: Option<&str>, level: Level, value: f64) -> Evaluation {
        Evaluation {
            subject: subject.map(str::to_owned),
            level,
            value,
            message: format!("it is {value}"),
        }
    }

    struct Clock(Instant);

    impl Clock {
        fn at(&self, s: u64) -> Now {
            Now {
                wall_ms: 1_000_000 + s as i64 * 1_000,
                monotonic: self.0 + Duration::from_secs(s),
            }
        }
    }

    fn states(news: &[Arc<Alert>]) -> Vec<State> {
        news.iter().map(|alert| alert.state).collect()
    }

    #[test]
    fn it_fires_once_its_condition_has_held_and_resolves_once_it_is_clear() {
        let (mut machine, clock, set) = (
            AlertStateMachine::default(),
            Clock(Instant::now()),
            settings(30),
        );
        let rule = Rule::ActiveAgents;
        let mut step = |s, level, value| {
            let now = clock.at(s);
            let news = machine.step(rule, &set, vec![evaluation(None, level, value)], now);
            (states(&news), machine.active().next().cloned())
        };
        let (news, active) = step(0, Level::Breach, 11.0);
        assert_eq!((news, active.unwrap().state), (vec![], State::Pending));
        let (news, active) = step(29, Level::Breach, 12.0);
        assert_eq!((news, active.unwrap().value), (vec![], 12.0));
        // Within its threshold for a moment: a pending alert starts again.
        assert_eq!(step(29, Level::Near, 10.0), (vec![], None));
        step(31, Level::Breach, 11.0);
        assert_eq!(step(60, Level::Breach, 11.0).0, vec![]);
        let (news, active) = step(61, Level::Breach, 13.0);
        let fired = active.unwrap();
        assert_eq!(news, [State::Firing]);
        assert_eq!(
            (fired.since_ms, fired.fired_ms),
            (1_031_000, Some(1_061_000))
        );
        assert_eq!(step(70, Level::Breach, 20.0).0, vec![]);
        let (news, active) = step(80, Level::Near, 9.5);
        assert_eq!((news, active.unwrap().value), (vec![], 9.5));
        let (news, active) = step(90, Level::Clear, 3.0);
        assert_eq!((news, active), (vec![State::Resolved], None));
        let (news, active) = step(100, Level::Breach, 11.0);
        assert_eq!(
            (news, active.is_some_and(|new| new.id != fired.id)),
            (vec![], true)
        );
    }

    #[test]
    fn without_a_hold_it_fires_at_once_and_each_subject_is_an_alert_of_its_own() {
        let (mut machine, clock, set) = (
            AlertStateMachine::default(),
            Clock(Instant::now()),
            settings(0),
        );
        let rule = Rule::AgentFailing;
        let both = vec![
            evaluation(Some("a"), Level::Breach, 3.0),
            evaluation(Some("b"), Level::Breach, 4.0),
        ];
        let news = machine.step(rule, &set, both, clock.at(0));
        assert_eq!(states(&news), [State::Firing, State::Firing]);
        assert_ne!(news[0].id, news[1].id);
        // Of another rule nothing is said.
        assert!(
            machine
                .step(Rule::Disk, &set, Vec::new(), clock.at(1))
                .is_empty()
        );
        let one = vec![evaluation(Some("b"), Level::Breach, 5.0)];
        let news = machine.step(rule, &set, one, clock.at(2));
        assert_eq!(states(&news), [State::Resolved]);
        assert_eq!(news[0].subject.as_deref(), Some("a"));
        assert_eq!((news[0].value, news[0].resolved_ms), (3.0, Some(1_002_000)));
        assert_eq!(machine.active().count(), 1);
    }
}
