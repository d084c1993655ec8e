//! P5: Redis forgets the scripts again and again while events come in: none is lost, and no client
//! sees an error.

use super::{Load, arrivals, equals, sized};
use crate::harness::{Redis, Setup, now_ms};
use crate::model::World;
use crate::model::load::shuffled;

#[test]
fn p05_forgotten_scripts_cost_nothing() {
    let redis = Redis::start();
    let daemon = Setup::new()
        .redis(&redis)
        .set("http.rate_burst", "1000000")
        .start();
    let at_ms = now_ms();
    let lines = shuffled(sized(3_000, 100_000), at_ms);
    let load = Load::start(&daemon.socket(), &lines, 2);
    let mut forgotten = 0;
    while load.is_running() {
        redis.run(&["SCRIPT", "FLUSH"]);
        let read = daemon.get("/api/agents/metrics/current");
        assert_eq!(read.status, 200, "{}", read.text());
        forgotten += 1;
    }
    load.finish();
    assert!(forgotten > 3, "there was a load: {forgotten}");
    equals(&daemon, &redis, &World::of(&arrivals(&lines, at_ms)));
    let log = std::fs::read_to_string(crate::harness::log_path(&daemon.data)).expect("a log");
    assert!(!log.contains("\"level\":\"ERROR\""), "{log}");
}
