use super::*;
use crate::tests::{error, load};

#[test]
fn a_rule_is_in_force_as_it_is_set() {
    let default = load("", &[], &[]).expect("valid").alerts;
    let in_force = Rule::ALL
        .into_iter()
        .filter(|&rule| default.rules.get(rule).is_some());
    assert_eq!(in_force.count(), Rule::ALL.len() - 2, "without budgets");
    let rate = default.rules.get(Rule::SuccessRate).expect("in force");
    assert_eq!((rate.threshold, rate.window_ms), (80.0, 300_000));
    let file = "[alerts]\ndaily_tokens = 500\ndaily_cost = 12.5\n\
                [alerts.success_rate]\nthreshold = 90\nwindow = \"1m\"\nfor = \"2s\"\n\
                severity = \"critical\"\n[alerts.disk]\nenabled = false\n";
    let env = [("AGENTPULSE_ALERTS__LIVE_LAG__THRESHOLD", "7s")];
    let rules = load(file, &env, &[]).expect("valid").alerts.rules;
    let expect = RuleSettings {
        threshold: 90.0,
        window_ms: 60_000,
        hold: 2 * SECOND,
        severity: Severity::Critical,
    };
    assert_eq!(rules.get(Rule::SuccessRate), Some(&expect));
    assert_eq!(rules.get(Rule::Disk), None);
    let threshold = |rule| rules.get(rule).map(|rule| rule.threshold);
    assert_eq!(threshold(Rule::TokenBudget), Some(500.0));
    assert_eq!(threshold(Rule::CostBudget), Some(12.5));
    assert_eq!(threshold(Rule::LiveLag), Some(7_000.0));
}

#[test]
fn errors_name_the_rule_and_the_field() {
    let check = |file, expect| assert_eq!(error(file, &[], &[]), expect);
    check(
        "[alerts.sucess_rate]\n",
        "agentpulse.toml:1: unknown section \"alerts.sucess_rate\"",
    );
    check(
        "[alerts.disk]\nwindow = \"1m\"\n",
        "agentpulse.toml:2: unknown setting \"alerts.disk.window\"",
    );
    check(
        "[alerts.success_rate]\n\nthreshold = 101\n",
        "agentpulse.toml:3: alerts.success_rate.threshold must be a whole number, 1..=100",
    );
    check(
        "[alerts.disk]\nenabled = 1\n",
        "agentpulse.toml:2: alerts.disk.enabled must be true or false",
    );
    check(
        "[alerts]\ndaily_cost = -0.5\n",
        "agentpulse.toml:2: alerts.daily_cost must be a number of dollars, 0..=1000000",
    );
}

#[test]
fn webhooks_are_told_as_they_are_set_and_their_secrets_are_not_shown() {
    let file = "[[alerts.webhooks]]\nurl = \"https://hooks.example.com/services/T0/s3cret\"\n\
                format = \"slack\"\nseverities = [\"critical\"]\n\
                [[alerts.webhooks]]\nurl = \"http://[::1]:9/?key=s3cret\"\n";
    let config = load(file, &[], &[]).expect("valid");
    let [slack, json] = &config.alerts.webhooks[..] else {
        panic!("{:?}", config.alerts);
    };
    assert_eq!(slack.url, "https://hooks.example.com/services/T0/s3cret");
    assert_eq!(slack.format, WebhookFormat::Slack);
    assert_eq!(slack.severities, [Severity::Critical]);
    assert_eq!(
        (json.format, json.severities.len()),
        (WebhookFormat::Json, 3)
    );
    let shown = format!("{config:?} {:?}", config.describe());
    assert!(!shown.contains("s3cret"), "{shown}");
    assert!(shown.contains("https://hooks.example.com/***"), "{shown}");
    let env = [("AGENTPULSE_ALERTS__WEBHOOKS__0__URL", "http://localhost:1")];
    let of_env = load("", &env, &[]).expect("valid").alerts.webhooks;
    assert_eq!(of_env[0].url, "http://localhost:1");
}

#[test]
fn a_webhook_needs_a_host_on_the_web() {
    for url in [
        "",
        "ftp://x/",
        "hooks.example.com",
        "http://u:p@x/",
        "file:///x",
        "http://",
    ] {
        let file = format!("[[alerts.webhooks]]\nurl = \"{url}\"\n");
        let expect = "agentpulse.toml:2: alerts.webhooks.0.url must be http:// or https:// \
                      with a host, without a user";
        assert_eq!(error(&file, &[], &[]), expect, "{url}");
    }
    let missing = error("[[alerts.webhooks]]\nformat = \"json\"\n", &[], &[]);
    assert!(
        missing.contains("alerts.webhooks.0.url must be set"),
        "{missing}"
    );
    let many = "[[alerts.webhooks]]\nurl = \"http://x/\"\n".repeat(9);
    let expect = "alerts.webhooks.8: alerts.webhooks must be at most 8";
    assert_eq!(error(&many, &[], &[]), expect);
}
