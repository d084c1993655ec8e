use super::*;
use crate::domain::execution::{Catalog, Fact, Origin, Start};

const IDLE: Duration = Duration::from_secs(300);
const TOOL: Duration = Duration::from_secs(1800);

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

fn progress(id: &str, tool_open: Option<bool>) -> Progress {
    Progress {
        id: id.to_owned(),
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
    let mut running = Running::new(Timeouts {
        idle: IDLE,
        tool: TOOL,
    });
    let begin = Instant::now();
    let at = |s: u64| Now {
        wall_ms: 1_000_000 + s as i64 * 1000,
        monotonic: begin + Duration::from_secs(s),
    };
    running.follow(&execution("x", 1_000_000), 1, at(0));
    assert_eq!(running.due(at(299).monotonic, 9), []);
    assert_eq!(
        running.due(at(300).monotonic, 9),
        [("x".to_owned(), 1_300_000)]
    );
    running.heard(&progress("x", Some(true)), at(200));
    assert_eq!(running.due(at(1999).monotonic, 9), []);
    assert_eq!(
        running.due(at(2000).monotonic, 9),
        [("x".to_owned(), 3_000_000)]
    );
    running.heard(&progress("x", Some(false)), at(400));
    assert_eq!(
        running.due(at(700).monotonic, 9),
        [("x".to_owned(), 1_700_000)]
    );
    assert!(running.heard(&progress("y", None), at(400)).is_none());
}

#[test]
fn other_timeouts_count_from_the_last_sign() {
    let mut running = Running::new(Timeouts {
        idle: IDLE,
        tool: TOOL,
    });
    let begin = Instant::now();
    let at = |s: u64| Now {
        wall_ms: 1_000_000 + s as i64 * 1000,
        monotonic: begin + Duration::from_secs(s),
    };
    running.follow(&execution("idle", 1_000_000), 1, at(0));
    running.follow(&execution("tool", 1_000_000), 2, at(0));
    running.heard(&progress("tool", Some(true)), at(10));
    running.retune(Timeouts {
        idle: 2 * IDLE,
        tool: IDLE / 10,
    });
    let due = |s: u64| running.due(at(s).monotonic, 9);
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
    let mut shown: Vec<_> = running
        .all()
        .iter()
        .map(|shown| shown.active.deadline_ms)
        .collect();
    shown.sort();
    assert_eq!(shown, [Some(1_040_000), Some(1_600_000)]);
}

#[test]
fn what_hooks_told_of_before_the_daemon_started_may_have_a_call_open() {
    let mut running = Running::new(Timeouts {
        idle: IDLE,
        tool: TOOL,
    });
    let begin = Instant::now();
    let at = |s: u64| Now {
        wall_ms: 1_000_000 + s as i64 * 1000,
        monotonic: begin + Duration::from_secs(s),
    };
    let plain = execution("x", 1_000_000);
    let mut hooked = Execution::clone(&plain);
    hooked.hooked = Some(Box::default());
    running.load(&execution("plain", 1_000_000), 1, at(0));
    // A later change in the journal says that hooks tell of it.
    running.load(&plain, 2, at(0));
    running.load(&Arc::new(hooked), 3, at(0));
    let due = |running: &Running, s: u64| running.due(at(s).monotonic, 9);
    assert_eq!(due(&running, 1_799), [("plain".to_owned(), 1_300_000)]);
    assert_eq!(due(&running, 1_800)[1], ("x".to_owned(), 2_800_000));
    running.retune(Timeouts {
        idle: IDLE,
        tool: 2 * TOOL,
    });
    assert_eq!(due(&running, 3_599).len(), 1);
    assert_eq!(due(&running, 3_600)[1], ("x".to_owned(), 4_600_000));
    // Whatever is heard of it then says what is open.
    running.heard(&progress("x", Some(false)), at(400));
    assert_eq!(due(&running, 700)[1], ("x".to_owned(), 1_700_000));
}

#[test]
fn a_start_that_comes_late_ends_by_its_own_stamp() {
    let mut running = Running::new(Timeouts {
        idle: IDLE,
        tool: TOOL,
    });
    let now = Now {
        wall_ms: 10_000_000,
        monotonic: Instant::now(),
    };
    running.follow(&execution("x", 1_000_000), 1, now);
    let due = running.due(now.monotonic + IDLE, 9);
    assert_eq!(due, [("x".to_owned(), 1_300_000)]);
}
