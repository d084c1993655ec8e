//! The picture of the page in the README, of a day of `agentpulse demo`. Run by `make screenshot`,
//! so that it can be made again whenever the page changes.

use std::fs;
use std::path::Path;

use crate::harness::Setup;
use crate::harness::browser::Browser;

const PLACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/page.png");
/// In pixels; the picture ends below the timeline.
const WIDTH: u64 = 1_280;
const HEIGHT_MAX: u64 = 2_000;
/// Below the timeline, as between two panels.
const MARGIN: u64 = 15;
/// The README should show it quickly.
const MAX_BYTES: usize = 300 << 10;

#[test]
#[ignore = "writes docs/page.png: run by `make screenshot`"]
fn screenshot() {
    // Whether they fire depends on the hour and on the machine.
    let alerts = ["active_agents", "api_latency", "token_spike"];
    let setup = alerts
        .into_iter()
        .fold(Setup::from_text(""), |setup, rule| {
            setup.set(&format!("alerts.{rule}.enabled"), "false")
        });
    let daemon = setup.start();
    let sent = daemon.command(&["demo", "--seed", "7"]);
    assert!(sent.status.success(), "{sent:?}");
    let mut browser = Browser::start().expect("a Chromium");
    browser.resize(WIDTH, HEIGHT_MAX);
    browser.open(&format!("http://{}/#range=24h", daemon.http));
    browser.shows("#link", "Live");
    browser.shows("[data-card=executions] .below", "in 24 h");
    browser.shows("#timeline", "executions");
    browser.shows("#types li:first-child", "success");
    let bottom = "document.querySelector('#timeline').getBoundingClientRect().bottom | 0";
    let bottom = browser.evaluate(bottom).as_u64().expect("pixels");
    let picture = browser.picture(WIDTH, bottom + MARGIN);
    assert!(picture.len() <= MAX_BYTES, "{} bytes", picture.len());
    fs::write(Path::new(PLACE), picture).expect("docs/page.png");
}
