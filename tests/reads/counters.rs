//! Counters over kills, restarts and corrections: a counter that falls would be counted again.

use serde_json::json;

use crate::harness::scrape::Scrape;
use crate::harness::{Daemon, Setup, eventually, now_ms};
use crate::model::World;
use crate::model::load::shuffled;
use crate::reads::metrics::{once_counted, send_known, stop, tells_the_known_numbers};

#[test]
fn counters_survive_a_kill_and_a_restart() {
    let mut daemon = Setup::new().start();
    send_known(&daemon);
    let before = once_counted(&daemon, 7.0, 6.0);
    daemon.kill9();
    daemon.restart();
    let after = once_counted(&daemon, 7.0, 6.0);
    after.has_not_fallen_since(&before);
    tells_the_known_numbers(&after);

    daemon.accept(&[stop("id-g", "tester", json!({"duration_ms":50}))]);
    assert_eq!(daemon.sigterm().code(), Some(0));
    daemon.restart();
    let last = once_counted(&daemon, 8.0, 7.0);
    last.has_not_fallen_since(&after);
    let labels = [("agent_type", "tester"), ("status", "success")];
    assert_eq!(last.get("agentpulse_executions_total", &labels), 3.0);
}

/// The load has late starts, corrections and stops without a start.
#[test]
fn no_counter_ever_falls_whatever_is_corrected_or_killed() {
    let mut daemon = Setup::new().start();
    let lines = shuffled(600, now_ms());
    let mut all = Vec::new();
    let mut before = Scrape::of(&daemon);
    for (i, some) in lines.chunks(60).enumerate() {
        all.extend(daemon.send(some).0);
        let mut look = |daemon: &Daemon| {
            let scrape = Scrape::of(daemon);
            scrape.has_not_fallen_since(&before);
            before = scrape;
        };
        look(&daemon);
        if i % 3 == 2 {
            assert!(daemon.command(&["prune"]).status.success());
            look(&daemon);
            daemon.restart();
            look(&daemon);
        }
    }
    let world = World::of(&all);
    let finished = world.tally(|_| true).executions as f64;
    eventually("all that finished is counted", || {
        let scrape = Scrape::of(&daemon);
        scrape.has_not_fallen_since(&before);
        let told = scrape.sum("agentpulse_executions_total");
        let running = scrape.sum("agentpulse_agents_active");
        let started = scrape.get("agentpulse_executions_started_total", &[]);
        // What changed its type counts under both until the first is overtaken.
        if started == finished + running && told >= finished {
            Ok(())
        } else {
            Err(format!(
                "{finished} finished: {told}, {running} run, {started} started"
            ))
        }
    });
}

#[test]
fn a_timeout_that_was_none_stays_counted_until_the_next_one() {
    let daemon = Setup::new().set("reaper.idle_timeout", "\"1s\"").start();
    let start =
        |id: &str| json!({"event":"start","agent_id":id,"agent_name":"zorp","agent_type":"tester"});
    let outcome = |scrape: &Scrape, status| {
        let labels = [("agent_type", "tester"), ("status", status)];
        scrape.find("agentpulse_executions_total", &labels)
    };
    let wait_for = |success: f64, timeout: f64, reaped: f64| {
        eventually("the outcomes", || {
            let scrape = Scrape::of(&daemon);
            let told = (
                outcome(&scrape, "success"),
                outcome(&scrape, "timeout"),
                scrape.get("agentpulse_timeouts_total", &[]),
            );
            if told == (Some(success), Some(timeout), reaped) {
                Ok(())
            } else {
                Err(format!("{told:?}"))
            }
        });
    };
    daemon.accept(&[start("x")]);
    wait_for(0.0, 1.0, 1.0);
    daemon.accept(&[stop("x", "tester", json!({"duration_ms":5}))]);
    wait_for(1.0, 1.0, 1.0);
    daemon.accept(&[start("y")]);
    wait_for(1.0, 1.0, 2.0);
    daemon.accept(&[start("z")]);
    wait_for(1.0, 2.0, 3.0);
}
