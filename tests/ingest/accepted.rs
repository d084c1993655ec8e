//! What the event socket takes although it looks odd, what it takes as a duplicate, and how it
//! counts.

use serde_json::{Value, json};

use crate::check;
use crate::harness::wire::{Answer, Client};
use crate::harness::{Setup, eventually, now_ms};
use crate::model::{Arrival, Totals, World, rfc3339};

#[test]
fn an_end_far_in_the_future_is_taken_as_now() {
    let daemon = Setup::new().start();
    let far = [
        json!("9999-12-31T23:59:59Z"),
        json!(253_402_300_799_000_i64),
        json!("2200-01-01T00:00:00Z"),
    ];
    let lines: Vec<Value> = far
        .iter()
        .enumerate()
        .map(|(n, end)| {
            json!({"event":"stop","agent_id":format!("far-{n}"),"agent_name":"zorp",
                "execution_end":end,"duration_ms":1000 + n})
        })
        .collect();
    let arrivals = daemon.accept(&lines);
    check::everywhere(&daemon, &World::of(&arrivals));

    let later = json!({"event":"start","agent_id":"later","agent_name":"zorp","start_time":far[0]});
    let (_, answer) = daemon.send(&[later]);
    assert_eq!(answer.totals.handled(), 1, "{answer:?}");
    let running = answer.totals.accepted;
    eventually("a start from the future has no negative age", || {
        let told = daemon.read("/api/agents/metrics/current")?;
        let details = told["active_agent_details"].as_array().ok_or("no list")?;
        let age = details
            .first()
            .map_or(0, |one| one["duration_so_far_ms"].as_i64().unwrap_or(-1));
        if details.len() as u64 == running && age >= 0 {
            Ok(())
        } else {
            Err(told.to_string())
        }
    });
}

#[test]
fn the_edges_of_every_bound_are_accepted() {
    let daemon = Setup::new().start();
    let name = "n".repeat(256);
    let many: Vec<String> = (0..256).map(|n| format!("T{n:03}")).collect();
    let nested = format!("{}1{}", "[".repeat(31), "]".repeat(31));
    let nested: Value = serde_json::from_str(&nested).expect("31 levels and the line's own");
    let end = rfc3339(now_ms() - 1000);
    let arrivals = daemon.accept(&[
        json!({"event":"start","agent_id":name,"agent_name":name,"agent_type":name,"model":name,
            "start_time":end,"tools_granted":many,"session_id":name,"unknown":nested}),
        json!({"event":"stop","agent_id":name,"execution_end":end,"duration_ms":604_800_000,
            "token_usage":{"input_tokens":1_000_000_000_000_i64,"output_tokens":0,
                "estimated_cost":1_000_000},
            "tool_calls":{"Read":1_000_000_000_000_i64}}),
        json!({"event":"stop","agent_id":"none","agent_name":"zorp","execution_end":end,
            "duration_ms":0,"tools_used":many,"unknown":{"a":null},
            "token_usage":{"input_tokens":0,"estimated_cost":0}}),
    ]);
    check::everywhere(&daemon, &World::of(&arrivals));
}

#[test]
fn times_are_understood_in_every_form() {
    let daemon = Setup::new().environment("TZ", "<+0530>-5:30").start();
    let begin_ms = (now_ms() / 1000 - 7200) * 1000;
    let stamp = jiff::Timestamp::from_millisecond(begin_ms).expect("now");
    let zone = jiff::tz::Offset::from_seconds(5 * 3600 + 1800).expect("an offset of this world");
    let local = zone.to_datetime(stamp);
    let starts = [
        json!(rfc3339(begin_ms)),
        json!(stamp.strftime("%Y-%m-%dT%H:%M:%S.000000+00:00").to_string()),
        json!(begin_ms),
        json!(begin_ms / 1000),
        json!(begin_ms as f64 / 1000.0),
        json!(local.strftime("%Y-%m-%dT%H:%M:%S.000000").to_string()),
        json!(local.strftime("%Y-%m-%dT%H:%M:%S+05:30").to_string()),
    ];
    let end = rfc3339(begin_ms + 1500);
    let lines = starts.iter().enumerate().map(|(n, start)| {
        json!({"event":"stop","agent_id":format!("t{n}"),"agent_name":"zorp",
            "execution_start":start,"execution_end":end})
    });
    let lines: Vec<Value> = lines.collect();
    daemon.accept(&lines);
    for (n, start) in starts.iter().enumerate() {
        eventually("every form of a time is the same moment", || {
            let told = daemon.read(&format!("/api/agents/executions/t{n}"))?;
            let same = told["duration_ms"] == 1500;
            if same {
                Ok(())
            } else {
                Err(format!("{start}: {}", told["duration_ms"]))
            }
        });
    }
}

#[test]
fn the_same_line_three_times_counts_once() {
    let daemon = Setup::new().start();
    let end = rfc3339(now_ms() - 1000);
    let start = json!({"event":"start","agent_id":"d","agent_name":"zorp","start_time":end});
    let stop = json!({"event":"stop","agent_id":"d","execution_end":end,"duration_ms":10});
    let other = json!({"event":"stop","agent_id":"d","agent_name":"other","execution_end":end,
        "duration_ms":99,"status":"failure"});
    let (first, answer) = daemon.send(&[start.clone(), start.clone(), start.clone()]);
    assert_eq!(
        answer.totals,
        Totals {
            accepted: 1,
            duplicate: 2,
            ..Totals::default()
        }
    );
    let (second, answer) = daemon.send(&[stop.clone(), stop.clone(), stop, other, start]);
    assert_eq!(
        answer.totals,
        Totals {
            accepted: 1,
            duplicate: 4,
            ..Totals::default()
        }
    );
    let all: Vec<Arrival> = first.into_iter().chain(second).collect();
    check::everywhere(&daemon, &World::of(&all));
}

#[test]
fn every_line_is_in_one_total_and_refusals_name_theirs() {
    let daemon = Setup::new().start();
    let end = rfc3339(now_ms() - 1000);
    let lines = [
        String::new(),
        json!({"event":"start","agent_id":"m","agent_name":"zorp","start_time":end}).to_string(),
        "   ".to_owned(),
        "broken".to_owned(),
        json!({"event":"start","agent_id":"m","agent_name":"zorp","start_time":end}).to_string(),
        String::new(),
        json!({"event":"progress","agent_id":"m"}).to_string(),
        json!({"event":"stop","agent_id":"m","duration_ms":-5}).to_string(),
    ];
    let answer = daemon.tell(format!("{}\n", lines.join("\n")).as_bytes());
    let want = Totals {
        accepted: 1,
        duplicate: 1,
        rejected: 2,
        progress: 1,
    };
    assert_eq!(answer.totals, want, "{answer:?}");
    let named: Vec<u64> = answer.refusals.iter().map(|refusal| refusal.line).collect();
    assert_eq!(named, [4, 8]);
}

#[test]
fn a_client_that_reads_nothing_is_not_waited_for() {
    const BAD: u64 = 40_000;
    let daemon = Setup::new().start();
    let mut client = Client::connect(&daemon.socket()).expect("the socket is open");
    client
        .send("x\n".repeat(BAD as usize).as_bytes())
        .expect("the daemon reads on");
    let end = rfc3339(now_ms() - 1000);
    let stop = json!({"event":"stop","agent_id":"after","agent_name":"zorp","execution_end":end,
        "duration_ms":5});
    client.send_line(&stop).expect("the daemon reads on");
    let arrivals = [Arrival {
        line: stop,
        at_ms: now_ms(),
    }];
    check::everywhere(&daemon, &World::of(&arrivals));
    let Answer {
        totals,
        refusals,
        omitted,
    } = client.finish().expect("the final totals");
    assert_eq!(
        totals,
        Totals {
            accepted: 1,
            rejected: BAD,
            ..Totals::default()
        }
    );
    assert!(omitted > 0, "{} refusals and none left out", refusals.len());
    assert_eq!(refusals.len() as u64 + omitted, BAD);
}
