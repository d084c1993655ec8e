//! A program that reads Redis by itself, and by names and formulae of its own, finds right numbers.

use serde_json::{Value, json};

use crate::harness::wire::RedisLink;
use crate::harness::{Daemon, Run, Setup, eventually, now_ms};
use crate::model::{day, hour, rfc3339};

/// Reads as such a program does, over a connection of its own.
struct Reader(RedisLink);

impl Reader {
    fn of(daemon: &Daemon) -> Reader {
        Reader(RedisLink::connect(&daemon.redis_socket()).expect("a connection"))
    }

    fn texts(&mut self, words: &[&str]) -> Vec<String> {
        self.0.run(words).expect("an answer").texts()
    }

    fn text(&mut self, words: &[&str]) -> String {
        self.0.run(words).expect("an answer").text()
    }

    /// `float(r.hget(key, field))`, or what `json.loads` makes of it.
    fn field(&mut self, key: &str, field: &str) -> Value {
        let found = self.0.run(&["HGET", key, field]).expect("an answer");
        match found {
            crate::harness::wire::Reply::Nil => Value::Null,
            text => serde_json::from_str(&text.text()).expect("JSON"),
        }
    }

    /// The score at the rank of a percentile. None while a rebuild has deleted the key.
    fn percentile(&mut self, key: &str, percent: usize) -> Option<f64> {
        let count: usize = self.text(&["ZCARD", key]).parse().expect("a count");
        let rank = ((count * percent).div_ceil(100).max(1) - 1).to_string();
        let found = self.texts(&["ZRANGE", key, &rank, &rank, "WITHSCORES"]);
        found.get(1)?.parse().ok()
    }
}

fn usage(total: i64, cost: f64) -> Value {
    json!({"input_tokens": total - 1, "output_tokens": 1, "total_tokens": total,
        "estimated_cost": cost})
}

fn fields_when(daemon: &Daemon, key: &str, expected: Value) {
    eventually(key, || {
        let mut reader = Reader::of(daemon);
        for (field, value) in expected.as_object().expect("fields") {
            let found = reader.field(key, field);
            if found != *value {
                return Err(format!("{field} is {found}, expected {value}"));
            }
        }
        Ok(())
    });
}

#[test]
fn averages_and_rates_stand_beside_their_sums_through_corrections_and_rebuilds() {
    let daemon = Setup::new().start();
    // All in one hour, and 40 minutes before its end at the latest.
    let ended_ms = now_ms().div_euclid(3_600_000) * 3_600_000 - 2_400_000;
    let run = |id: &str| Run::new(id).of_type("analyzer").ended(ended_ms);
    let token_usage = "token_usage";
    daemon.accept(&[
        run("a")
            .took(1_000)
            .stops_with(token_usage, usage(100, 0.01))
            .stop(),
        run("b")
            .took(2_000)
            .stops_with(token_usage, usage(200, 0.02))
            .stop(),
        run("c")
            .took(3_001)
            .stops_with(token_usage, usage(401, 0.0076))
            .stop(),
        run("d").status("failure").stop(),
    ]);
    let hourly = format!("metrics:hourly:{}:analyzer", hour(ended_ms));
    let daily = format!("metrics:daily:{}", day(ended_ms));
    let hour_of_day: i64 = hour(ended_ms)[11..].parse().expect("HH");
    // 6,001 ms by three known durations; 701 tokens by four executions.
    let of_hour = json!({"execution_count": 4, "success_count": 3, "failure_count": 1,
        "total_duration_ms": 6001, "avg_duration_ms": 2000, "total_tokens": 701,
        "avg_tokens": 175, "total_cost": 0.0376});
    let of_day = json!({"total_executions": 4, "success_rate": 0.75, "agent_types": ["analyzer"],
        "peak_hour": hour_of_day, "total_tokens": 701, "total_cost": 0.0376});
    fields_when(&daemon, &hourly, of_hour.clone());
    fields_when(&daemon, &daily, of_day.clone());
    assert!(daemon.command(&["rebuild"]).status.success());
    fields_when(&daemon, &hourly, of_hour);
    fields_when(&daemon, &daily, of_day);

    // A nameless run of another type gets its start, and with it its type: it moves.
    let stop = json!({"event": "stop", "agent_id": "e", "agent_name": "screenshot-analyzer",
        "status": "success", "duration_ms": 5, "execution_end": rfc3339(ended_ms)});
    daemon.accept(&[stop]);
    fields_when(
        &daemon,
        &hourly,
        json!({"execution_count": 5, "avg_duration_ms": 1502}),
    );
    let start = json!({"event": "start", "agent_id": "e", "agent_name": "screenshot-analyzer",
        "agent_type": "debugger", "start_time": rfc3339(ended_ms - 5)});
    daemon.accept(&[start]);
    fields_when(
        &daemon,
        &hourly,
        json!({"execution_count": 4, "avg_duration_ms": 2000}),
    );
    let moved = json!({"total_executions": 5, "success_rate": 0.8,
        "agent_types": ["analyzer", "debugger"], "total_cost": 0.0376});
    fields_when(&daemon, &daily, moved);
    let debugger = format!("metrics:hourly:{}:debugger", hour(ended_ms));
    let of_debugger = json!({"execution_count": 1, "avg_duration_ms": 5, "avg_tokens": 0,
        "total_cost": 0.0});
    fields_when(&daemon, &debugger, of_debugger);
}

#[test]
fn lists_and_starts_have_the_names_of_the_events() {
    let daemon = Setup::new().start();
    let began_ms = now_ms() - 4_000;
    let start = Run::new("runs")
        .began(began_ms)
        .with("task_description", "look");
    let sent = super::seed_example::example_stop(now_ms() - 1_000);
    daemon.accept(&[start.start(), sent.clone()]);
    eventually("the list has it", || {
        let count = daemon.redis(&["LLEN", "agent:history:screenshot-analyzer"]);
        let count = count.text();
        (count == "1").then_some(()).ok_or(count)
    });
    let mut reader = Reader::of(&daemon);
    let parsed = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
    let list = |name: &str| format!("agent:{name}:screenshot-analyzer");
    let element = reader.texts(&["LRANGE", &list("history"), "0", "-1"]);
    let element = parsed(&element[0]);
    for (field, value) in sent.as_object().expect("an object") {
        match field.as_str() {
            "event" => {}
            "token_usage" => {
                for (field, value) in value.as_object().expect("an object") {
                    assert_eq!(element["token_usage"][field], *value, "{field}");
                }
            }
            "execution_start" | "execution_end" => {
                let at = |value: &Value| value.as_str()?.parse::<jiff::Timestamp>().ok();
                assert_eq!(at(&element[field]), at(value), "{field}");
            }
            _ => assert_eq!(element[field], *value, "{field}"),
        }
    }
    let error = reader.texts(&["LRANGE", &list("errors"), "0", "-1"]);
    assert_eq!(parsed(&error[0])["error_details"], sent["error_details"]);

    assert_eq!(reader.texts(&["SMEMBERS", "agents:active"]), ["runs"]);
    let active = parsed(&reader.text(&["GET", "agent:active:runs"]));
    let start_time: Option<jiff::Timestamp> = active["start_time"]
        .as_str()
        .and_then(|text| text.parse().ok());
    assert_eq!(start_time.map(|at| at.as_millisecond()), Some(began_ms));
    assert_eq!(active["agent_name"], "zorp");
    assert_eq!(active["task_description"], "look");
    let seconds = |score: String| score.parse::<f64>().expect("a score");
    let score = seconds(reader.text(&["ZSCORE", "agents:timeline", "runs"]));
    assert_eq!(score, began_ms as f64 / 1e3);
    // What began in the last minute, as `zrangebyscore(key, time.time() - 60, "+inf")` asks.
    let since = (now_ms() as f64 / 1e3 - 60.0).to_string();
    let recent = ["ZRANGE", "agents:timeline", &since, "+inf", "BYSCORE"];
    assert_eq!(reader.texts(&recent).len(), 2);
}

#[test]
fn percentiles_by_rank_are_those_of_the_last_500() {
    let daemon = Setup::new().start();
    let now_ms = now_ms();
    // Of 1,500 the first thousand are slow: the slowest of all are not among the last.
    let took = |n: i64| match n {
        0..1_000 => 50_000 + n,
        _ => (n * 7_919).rem_euclid(3_001) + 1,
    };
    let runs: Vec<Value> = (0..1_500)
        .map(|n| {
            let run = Run::new(format!("r{n}")).took(took(n));
            run.ended(now_ms - 60_000 + n).stop()
        })
        .collect();
    // In an order that is not theirs.
    let (late, early): (Vec<_>, Vec<_>) =
        runs.into_iter().enumerate().partition(|(n, _)| n % 3 == 0);
    for part in [late, early] {
        let lines: Vec<Value> = part.into_iter().map(|(_, line)| line).collect();
        daemon.accept(&lines);
    }
    let mut last: Vec<i64> = (1_000..1_500).map(took).collect();
    last.sort_unstable();
    let key = "agent:performance:zorp:duration";
    let is_right = || {
        let mut reader = Reader::of(&daemon);
        for percent in [1, 50, 95, 99, 100] {
            let found = reader.percentile(key, percent);
            let expected = Some(last[(500 * percent).div_ceil(100) - 1] as f64);
            if found != expected {
                return Err(format!("p{percent} is {found:?}, expected {expected:?}"));
            }
        }
        let ended = reader.text(&["ZCARD", "agent:performance:zorp:ended"]);
        (ended == "500").then_some(()).ok_or(ended)
    };
    eventually("the percentiles are those of the last", is_right);
    assert!(daemon.command(&["rebuild"]).status.success());
    eventually("a rebuild keeps them", is_right);
}

#[test]
fn a_redis_of_another_layout_is_rebuilt_once() {
    let redis = crate::harness::Redis::start();
    let mut daemon = Setup::new().redis(&redis).start();
    let ended_ms = now_ms() - 1_000;
    daemon.accept(&[Run::new("a").took(7).ended(ended_ms).stop()]);
    let list = ["LRANGE", "agent:history:zorp", "0", "-1"];
    let kept = eventually("the list has it", || {
        let found = redis.run(&list).texts();
        let count = found.len();
        (count == 1).then_some(found).ok_or(count.to_string())
    });
    assert_eq!(daemon.sigterm().code(), Some(0));
    // As version 0.1.0 left it: a cursor without a layout, and elements by other names.
    let cursor = redis.run(&["GET", "journal:cursor"]).text();
    let (epoch, seq) = (
        cursor.split('/').next().expect("an epoch"),
        cursor.rsplit(':').next().expect("a number"),
    );
    redis.run(&["SET", "journal:cursor", &format!("{epoch}:{seq}")]);
    redis.run(&["DEL", "agent:history:zorp"]);
    redis.run(&["LPUSH", "agent:history:zorp", r#"{"id":"a"}"#]);
    daemon.restart();
    eventually("it is rebuilt", || {
        let found = (
            redis.run(&list).texts(),
            redis.run(&["GET", "journal:cursor"]).text(),
        );
        (found == (kept.clone(), cursor.clone()))
            .then_some(())
            .ok_or(format!("{found:?}"))
    });
    let health = daemon.read("/api/system/health").expect("an answer");
    assert_eq!(health["checks"]["live"]["differences"], 0, "{health}");
}
