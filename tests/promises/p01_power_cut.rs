//! P1, with the power cut: what was acknowledged is counted once, also when everything that was
//! not synced is gone.

use super::{Load, arrivals, sized};
use crate::check;
use crate::harness::events::stops;
use crate::harness::power_cut::Power;
use crate::harness::{Setup, now_ms};
use crate::model::World;
use crate::model::load::shuffled;

const SENDERS: usize = 4;

#[test]
fn p01_nothing_acknowledged_is_lost_or_counted_twice_when_the_power_is_cut() {
    let Some(power) = Power::supply() else {
        eprintln!("skipped: no library can be preloaded here");
        return;
    };
    // Checkpoints, prunes and flushes are frequent, so that a cut meets each of them.
    let setup = Setup::new()
        .set("journal.keep_rows", "1")
        .set("journal.keep", "\"1s\"")
        .set("history.flush_interval", "\"100ms\"");
    let mut daemon = power.start(setup);
    let at_ms = now_ms();
    let lines = shuffled(sized(2_000, 20_000), at_ms);
    let cuts = sized(5, 50);
    let load = Load::start(&daemon.socket(), &lines, SENDERS);
    for n in 0..cuts {
        load.wait_for(lines.len() * (n + 1) / (cuts + 2));
        power.cut(&mut daemon);
        daemon.restart();
    }
    load.finish();
    let world = World::of(&arrivals(&lines, at_ms));
    check::everywhere(&daemon, &world);

    let (_, again) = daemon.send(&lines);
    assert_eq!(again.totals.accepted, 0, "all of it is known: {again:?}");
    power.cut(&mut daemon);
    daemon.restart();
    check::everywhere(&daemon, &world);
}

#[test]
fn p01_an_event_survives_a_power_cut_right_after_its_acknowledgement() {
    let Some(power) = Power::supply() else {
        eprintln!("skipped: no library can be preloaded here");
        return;
    };
    let mut daemon = power.start(Setup::new());
    let lines = stops("cut", 60);
    for part in lines.chunks(20) {
        daemon.accept(part);
        power.cut(&mut daemon);
        daemon.restart();
    }
    check::everywhere(&daemon, &World::of(&arrivals(&lines, now_ms())));
}
