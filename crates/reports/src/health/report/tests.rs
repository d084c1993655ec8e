//! The verdicts, by the inputs.

use super::*;

const MIB: u64 = 1 << 20;

fn well() -> HealthInputs {
    let counters = Counters::default();
    counters.last.journal_written.set(9_000);
    counters.last.flushed.set(9_500);
    HealthInputs {
        now_ms: 10_000,
        uptime: Duration::from_secs(10),
        flush_interval_ms: 2_000,
        settings: Last::default(),
        definitions: Arc::default(),
        queue: Ok(Arc::default()),
        redis_private: true,
        redis_version: "7.2.0".to_owned(),
        spool_max_bytes: 64 * MIB,
        executions: Ok((7, Duration::from_millis(3))),
        memory: Ok((
            Some(RedisMemory {
                used: 8 * MIB,
                max: 10 * MIB,
            }),
            Duration::ZERO,
        )),
        room: Ok(DiskUsage {
            free_bytes: LOW_DISK_BYTES,
            ..DiskUsage::default()
        }),
        blocked: None,
        condition: Condition::Following,
        difference: None,
        head: 12,
        applied: [12, 10],
        lag_ms: [0, 1_500],
        counters: Arc::new(counters),
        took: Duration::from_millis(4),
    }
}

#[test]
fn a_healthy_part_is_ok_with_its_figures() {
    let report = serde_json::to_value(build(&well())).unwrap();
    assert_eq!(report["status"], "ok", "{report:#}");
    let checks = report["checks"].as_object().unwrap();
    assert_eq!(checks.len(), 11);
    for (name, check) in checks {
        assert_eq!(check["status"], "ok", "{name}");
        assert!(check["reason"].is_null(), "{name}");
    }
    assert_eq!(checks["database"]["executions"], 7);
    assert_eq!(checks["journal"]["pending"], 2);
    assert_eq!(checks["history"]["last_flush_age_ms"], 500);
    assert!(checks["hooks"]["last_event_age_ms"].is_null());
}

#[test]
fn each_fault_has_its_verdict_and_only_what_is_needed_fails_the_whole() {
    let late = || ProbeError::late(Duration::from_millis(75));
    type Fault = (&'static str, Verdict, Verdict, fn(&mut HealthInputs));
    let faults: [Fault; 12] = [
        ("database", Verdict::Failed, Verdict::Failed, |inputs| {
            inputs.executions = Err(ProbeError::of("damaged"));
        }),
        ("redis", Verdict::Failed, Verdict::Degraded, |inputs| {
            inputs.memory = Err(ProbeError::of("no such file"));
        }),
        ("redis", Verdict::Degraded, Verdict::Degraded, |inputs| {
            inputs.memory.as_mut().unwrap().0.as_mut().unwrap().used += 1;
        }),
        ("journal", Verdict::Failed, Verdict::Failed, |inputs| {
            inputs.blocked = Some("the journal cannot be written".to_owned());
        }),
        ("journal", Verdict::Degraded, Verdict::Degraded, |inputs| {
            inputs.applied[1] = 0;
            inputs.head = PENDING_ALLOWED + 1;
        }),
        ("live", Verdict::Failed, Verdict::Degraded, |inputs| {
            inputs.condition = Condition::Broken("no room".to_owned());
        }),
        ("live", Verdict::Degraded, Verdict::Degraded, |inputs| {
            inputs.lag_ms[0] = i64::MAX;
        }),
        ("history", Verdict::Degraded, Verdict::Degraded, |inputs| {
            inputs.lag_ms[1] = 12_001;
        }),
        ("spool", Verdict::Failed, Verdict::Degraded, |inputs| {
            inputs.room.as_mut().unwrap().spool_bytes = 64 * MIB;
        }),
        ("disk", Verdict::Degraded, Verdict::Degraded, |inputs| {
            inputs.room.as_mut().unwrap().free_bytes -= 1;
        }),
        ("disk", Verdict::Failed, Verdict::Failed, |inputs| {
            inputs.room.as_mut().unwrap().free_bytes = NO_DISK_BYTES - 1;
        }),
        (
            "definitions",
            Verdict::Degraded,
            Verdict::Degraded,
            |inputs| {
                Arc::make_mut(&mut inputs.definitions).last_scan.is_late = true;
            },
        ),
    ];
    for (part, verdict, whole, fault) in faults {
        let mut inputs = well();
        fault(&mut inputs);
        let report = serde_json::to_value(build(&inputs)).unwrap();
        let (verdict, whole) = (serde_json::json!(verdict), serde_json::json!(whole));
        assert_eq!(
            report["checks"][part]["status"], verdict,
            "{part}: {report:#}"
        );
        assert!(report["checks"][part]["reason"].is_string(), "{part}");
        assert_eq!(report["status"], whole, "{part}");
    }
    let mut inputs = well();
    inputs.executions = Err(late());
    let report = serde_json::to_value(build(&inputs)).unwrap();
    assert_eq!(report["status"], "degraded", "what is late may still work");
}

#[test]
fn a_queue_that_cannot_be_written_degrades_the_report_and_fails_nothing() {
    let mut inputs = well();
    inputs.queue = Err(ProbeError::of("tasks.db: disk I/O error"));
    let report = build(&inputs);
    assert_eq!(report.status, Verdict::Degraded);
    assert_eq!(report.checks.tasks.status, Verdict::Degraded);
    let reason = report.checks.tasks.reason.as_deref();
    assert_eq!(reason, Some("tasks.db: disk I/O error"));
    assert_eq!(report.checks.tasks.figures.pending, None);
}
