use std::collections::HashMap;

use super::*;
use agentpulse_core::event::ToolCall;
use agentpulse_core::execution::{Catalog, Fact, Origin, Start};
use agentpulse_core::last_heartbeat::LastHeartbeat;

const IDLE: Duration = Duration::from_secs(300);
const TOOL: Duration = Duration::from_secs(1800);
pub(super) const TIMEOUTS: Timeouts = Timeouts {
    idle: IDLE,
    tool: TOOL,
};

fn execution(id: &str, started_ms: i64) -> Arc<Execution> {
    let mut execution = Execution::new(id.to_owned());
    let start = Start {
        agent_name: "a".to_owned(),
        agent_type: None,
        started_ms,
        task_description: None,
        tools_granted: Vec::new(),
        context_size: None,
        origin: Origin::default(),
    };
    execution.merge(Fact::Start(Box::new(start)), &Catalog::default());
    Arc::new(execution)
}

pub(super) fn at(s: u64) -> Now {
    Now {
        wall_ms: 1_000_000 + s as i64 * 1000,
        listened: Duration::from_secs(s),
    }
}

pub(super) fn progress(id: &str, tool_open: Option<bool>) -> Progress {
    Progress {
        id: id.to_owned(),
        observed_ms: None,
        progress: None,
        current_tool: tool_open.map(|_| "Bash".to_owned()),
        tool_call: tool_open.map(|is_open| ToolCall {
            use_id: Some("call".to_owned()),
            is_open,
        }),
    }
}

#[test]
fn a_sign_of_life_moves_the_deadline_and_an_open_tool_moves_it_further() {
    let running = Running::new(TIMEOUTS, usize::MAX);
    running.follow(&execution("x", 1_000_000), 1, at(0));
    assert_eq!(running.due(at(299).listened, 9), []);
    assert_eq!(
        running.due(at(300).listened, 9),
        [("x".to_owned(), 1_300_000)]
    );
    running.record_heartbeat(&progress("x", Some(true)), at(200));
    assert_eq!(running.due(at(1999).listened, 9), []);
    assert_eq!(
        running.due(at(2000).listened, 9),
        [("x".to_owned(), 3_000_000)]
    );
    running.record_heartbeat(&progress("x", Some(false)), at(400));
    assert_eq!(
        running.due(at(700).listened, 9),
        [("x".to_owned(), 1_700_000)]
    );
    assert!(
        running
            .record_heartbeat(&progress("y", None), at(400))
            .is_none()
    );
}

#[test]
fn other_timeouts_count_from_the_last_sign() {
    let running = Running::new(TIMEOUTS, usize::MAX);
    running.follow(&execution("idle", 1_000_000), 1, at(0));
    running.follow(&execution("tool", 1_000_000), 2, at(0));
    running.record_heartbeat(&progress("tool", Some(true)), at(10));
    let other = Timeouts {
        idle: 2 * IDLE,
        tool: IDLE / 10,
    };
    running.reconfigure(other, usize::MAX);
    let due = |s: u64| running.due(at(s).listened, 9);
    assert_eq!(due(39), []);
    assert_eq!(due(40), [("tool".to_owned(), 1_040_000)]);
    let both = ["tool", "idle"].map(str::to_owned);
    assert_eq!(due(599).len(), 1);
    assert_eq!(
        due(600),
        both.into_iter()
            .zip([1_040_000, 1_600_000])
            .collect::<Vec<_>>()
    );
    let mut snapshots: Vec<_> = running
        .all()
        .iter()
        .map(|snapshots| snapshots.active().deadline_ms)
        .collect();
    snapshots.sort();
    assert_eq!(snapshots, [Some(1_040_000), Some(1_600_000)]);
}

#[test]
fn runs_from_before_the_start_may_have_a_call_open() {
    let running = Running::new(TIMEOUTS, usize::MAX);
    let plain = execution("x", 1_000_000);
    let mut hooked = Execution::clone(&plain);
    hooked.hooked = Some(Box::default());
    let none = KeptHeartbeats::default();
    running.load(&execution("plain", 1_000_000), 1, &none, at(0));
    // A later change in the journal says that hooks report it.
    running.load(&plain, 2, &none, at(0));
    running.load(&Arc::new(hooked), 3, &none, at(0));
    let due = |running: &Running, s: u64| running.due(at(s).listened, 9);
    assert_eq!(due(&running, 1_799), [("plain".to_owned(), 1_300_000)]);
    assert_eq!(due(&running, 1_800)[1], ("x".to_owned(), 2_800_000));
    let longer = Timeouts {
        tool: 2 * TOOL,
        ..TIMEOUTS
    };
    running.reconfigure(longer, usize::MAX);
    assert_eq!(due(&running, 3_599).len(), 1);
    assert_eq!(due(&running, 3_600)[1], ("x".to_owned(), 4_600_000));
    // Any event of it then says what is open.
    running.record_heartbeat(&progress("x", Some(false)), at(400));
    assert_eq!(due(&running, 700)[1], ("x".to_owned(), 1_700_000));
}

#[test]
fn a_start_that_comes_late_ends_by_its_own_stamp() {
    let running = Running::new(TIMEOUTS, usize::MAX);
    let now = Now {
        wall_ms: 10_000_000,
        listened: Duration::ZERO,
    };
    running.follow(&execution("x", 1_000_000), 1, now);
    let due = running.due(now.listened + IDLE, 9);
    assert_eq!(due, [("x".to_owned(), 1_300_000)]);
}

/// Everything that must be kept by then is on the disk; answers what is there in the end.
fn keep(running: &Running, kept: &mut HashMap<String, LastHeartbeat>, s: u64) {
    let heartbeats = running.to_keep(at(s).listened, 9);
    running.kept(&heartbeats);
    kept.extend(heartbeats);
}

/// What a daemon finds that was killed.
fn killed(kept: &HashMap<String, LastHeartbeat>) -> KeptHeartbeats {
    KeptHeartbeats {
        last: kept.clone(),
        is_whole: false,
    }
}

#[test]
fn a_kill_soon_after_a_sign_may_have_lost_another_and_a_stop_has_not() {
    let mut kept = HashMap::new();
    let first = Running::new(TIMEOUTS, usize::MAX);
    first.follow(&execution("x", 1_000_000), 1, at(0));
    kept.extend(first.unkept(9));
    let load = |kept: KeptHeartbeats, s: u64| {
        let running = Running::new(TIMEOUTS, usize::MAX);
        running.load(&execution("x", 1_000_000), 1, &kept, at(s));
        running
    };
    let is_due = |running: &Running, s: u64| !running.due(at(s).listened, 9).is_empty();
    // A sign of the 4 s may have been acknowledged, and is kept like one.
    let running = load(killed(&kept), 4);
    assert!(!is_due(&running, 303) && is_due(&running, 304));
    keep(&running, &mut kept.clone(), 4);
    assert_eq!(running.unkept(9)[0].1.listened_ms, 4_000);
    // After the 5 s it would have been kept.
    assert!(is_due(&load(killed(&kept), 5), 300));
    for s in [1, 4, 5, 9] {
        let stopped = KeptHeartbeats {
            is_whole: true,
            ..killed(&kept)
        };
        let running = load(stopped, s);
        assert!(!is_due(&running, 299) && is_due(&running, 300), "at {s}");
        assert_eq!(running.unkept(9), []);
    }
}

#[test]
fn a_restart_is_no_sign_of_life_however_often() {
    let mut kept = HashMap::new();
    let mut running = Running::new(TIMEOUTS, usize::MAX);
    running.follow(&execution("x", 1_000_000), 1, at(0));
    keep(&running, &mut kept, 4);
    assert!(!running.is_kept("x"), "it may end within seconds");
    keep(&running, &mut kept, 5);
    assert!(running.is_kept("x"));
    running.record_heartbeat(&progress("x", None), at(100));
    keep(&running, &mut kept, 100);
    // The daemon is away for an hour after each 50 s, and loses nothing of the time it listened.
    for (life, listened_s) in [150, 200, 250, 300].into_iter().enumerate() {
        let down_s = 3_600 * (life as i64 + 1);
        let now = Now {
            wall_ms: at(listened_s).wall_ms + down_s * 1_000,
            ..at(listened_s)
        };
        running = Running::new(TIMEOUTS, usize::MAX);
        running.load(&execution("x", 1_000_000), 1, &killed(&kept), now);
        let due = |s: u64| running.due(at(s).listened, 9);
        assert_eq!(due(399), []);
        let end_ms = 1_400_000 + down_s * 1_000;
        assert_eq!(due(400), [("x".to_owned(), end_ms)], "life {life}");
        let snapshots = running.all()[0].active();
        assert_eq!(snapshots.deadline_ms, Some(end_ms));
        assert_eq!(snapshots.last_sign_ms, Some(1_100_000));
        assert_eq!(running.to_keep(now.listened, 9), [], "nothing is new");
    }
}

#[test]
fn a_sign_is_kept_at_once_when_the_last_was_long_ago_and_others_go_along() {
    let (running, mut kept) = (Running::new(TIMEOUTS, usize::MAX), HashMap::new());
    for (id, s) in [("a", 0), ("b", 3)] {
        running.follow(&execution(id, 1_000_000), 1, at(s));
    }
    keep(&running, &mut kept, 5);
    assert_eq!(kept["b"].listened_ms, 3_000, "it goes along");
    for s in 6..=8 {
        running.record_heartbeat(&progress("b", None), at(s));
        if s < 8 {
            assert_eq!(running.to_keep(at(s).listened, 9), [], "at {s}");
        }
    }
    running.record_heartbeat(&progress("a", None), at(8));
    let heartbeats = running.to_keep(at(8).listened, 9);
    let ids: Vec<&str> = heartbeats.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids, ["a", "b"], "the oldest first");
    running.kept(&heartbeats);
    assert_eq!(running.unkept(9), []);
}

#[test]
fn open_calls_are_known_again_after_a_restart() {
    let (running, mut kept) = (Running::new(TIMEOUTS, usize::MAX), HashMap::new());
    let mut hooked = Execution::clone(&execution("x", 1_000_000));
    hooked.hooked = Some(Box::default());
    let hooked = Arc::new(hooked);
    running.follow(&hooked, 1, at(0));
    running.record_heartbeat(&progress("x", Some(true)), at(100));
    keep(&running, &mut kept, 100);
    let running = Running::new(TIMEOUTS, usize::MAX);
    running.load(&hooked, 1, &killed(&kept), at(200));
    let snapshots = running.all().remove(0).active();
    assert_eq!(snapshots.current_tool.as_deref(), Some("Bash"));
    assert_eq!(running.due(at(1_899).listened, 9), []);
    assert_eq!(running.due(at(1_900).listened, 9).len(), 1);
    running.record_heartbeat(&progress("x", Some(false)), at(300));
    assert_eq!(running.due(at(600).listened, 9).len(), 1);
}

#[test]
fn silence_does_not_begin_before_the_daemon_listens() {
    let running = Running::new(TIMEOUTS, usize::MAX);
    let none = KeptHeartbeats::default();
    running.load(&execution("x", 1_000_000), 1, &none, at(100));
    // To empty the spool took 40 s, in which no event could be received.
    let opened = Now {
        wall_ms: at(140).wall_ms,
        ..at(100)
    };
    running.listen(opened);
    assert_eq!(running.due(at(399).listened, 9), []);
    let due = running.due(at(400).listened, 9);
    assert_eq!(due, [("x".to_owned(), 1_440_000)]);
}

/// A call with an id and a name of its own.
fn call(id: &str, n: usize, is_open: bool) -> Progress {
    Progress {
        current_tool: is_open.then(|| format!("{n:0>256}")),
        tool_call: Some(ToolCall {
            use_id: Some(format!("call-{n}")),
            is_open,
        }),
        ..progress(id, None)
    }
}

#[test]
fn an_open_call_leads_to_its_execution_until_it_ends() {
    let running = Running::new(TIMEOUTS, usize::MAX);
    for id in ["a", "b"] {
        running.follow(&execution(id, 1_000_000), 1, at(0));
    }
    running.record_heartbeat(&call("a", 1, true), at(1));
    running.record_heartbeat(&call("b", 2, true), at(1));
    let first = call("a", 1, true).tool_call.unwrap().use_id.unwrap();
    let second = call("b", 2, true).tool_call.unwrap().use_id.unwrap();
    let owners = || {
        let found = running.of_calls([&*first, &*second, "none"]);
        let mut ids: Vec<_> = found.values().map(|run| run.id().to_owned()).collect();
        ids.sort();
        ids
    };
    assert_eq!(owners(), ["a", "b"]);
    running.record_heartbeat(&call("a", 1, false), at(2));
    assert_eq!(owners(), ["b"]);
    assert!(running.of_calls([]).is_empty());
}

#[test]
fn held_bytes_are_counted_and_names_beyond_the_limit_dropped() {
    let now = at(0);
    let mut large = Execution::clone(&execution("large", 1_000_000));
    let start = Arc::make_mut(large.start.as_mut().unwrap());
    start.task_description = Some("\u{1}".repeat(4_000));
    start.tools_granted = (0..256).map(|n| format!("{n:0>256}")).collect();
    let small = execution("x", 1_000_000);
    // Each control character takes six bytes as JSON, and of the tools 4 KiB are held.
    let bytes = run_bytes(&large) - run_bytes(&small);
    assert!((24_000 + 3_500..24_000 + 4_500).contains(&bytes), "{bytes}");
    let room = 4_000;
    let max_bytes = run_bytes(&large) + run_bytes(&small) + room;
    let running = Running::new(TIMEOUTS, max_bytes);
    running.follow(&large, 1, now);
    running.follow(&small, 2, now);
    assert_eq!(running.bytes(), max_bytes - room);
    for n in 0..64 {
        running.record_heartbeat(&call("x", n, true), now);
        assert!(running.bytes() <= max_bytes);
    }
    let dropped = running.take_names_dropped();
    assert!((50..64).contains(&dropped), "{dropped}");
    assert_eq!(running.take_names_dropped(), 0);
    let snapshots = running.get("x").unwrap();
    let last = snapshots.heartbeat.current_tool.unwrap();
    assert_eq!(*last, *format!("{:0>256}", 63 - dropped));
    // A call whose name is not kept is open all the same.
    assert_eq!(running.due(now.listened + TOOL, 9).len(), 2);
    assert_eq!(running.due(now.listened + TOOL / 2, 9).len(), 1);
    for n in 0..64 {
        running.record_heartbeat(&call("x", n, false), now);
    }
    assert_eq!(running.bytes(), max_bytes - room);
    let mut ended = large;
    ended.merge(Fact::TimedOut { ended_ms: 1 }, &Catalog::default());
    running.follow(&ended, 3, now);
    assert_eq!(running.bytes(), run_bytes(&small));
}

#[test]
fn pages_are_in_the_order_of_the_starts() {
    let now = at(0);
    let running = Running::new(TIMEOUTS, usize::MAX);
    for (id, started_ms) in [("c", 5), ("b", 7), ("a", 7), ("d", 1)] {
        running.follow(&execution(id, started_ms), 1, now);
    }
    let page = |after, max| {
        let (snapshots, rest) = running.page(&Only::default(), after, max);
        let ids: Vec<_> = snapshots
            .iter()
            .map(|snapshots| snapshots.id().to_owned())
            .collect();
        (ids.concat(), rest)
    };
    assert_eq!(page(None, 9), ("dcab".to_owned(), 0));
    assert_eq!(page(None, 2), ("dc".to_owned(), 2));
    assert_eq!(page(Some((5, "c")), 1), ("a".to_owned(), 1));
    // What a page ended with may have gone, or have another start by now.
    running.follow(&execution("c", 9), 2, now);
    assert_eq!(page(Some((5, "c")), 9), ("abc".to_owned(), 0));
    assert_eq!(page(Some((9, "c")), 9), (String::new(), 0));
}
