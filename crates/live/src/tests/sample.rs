//! Single executions in Redis: what was written agrees with itself, and what somebody writes does
//! not.

use std::collections::{BTreeSet, HashMap};

use super::apply::apply;
use super::journey::Journey;
use super::{Server, ask, dump, expected, now_ms, set_cursor, writes};
use crate::{Expected, Live};
use agentpulse_core::bucket::Day;

/// What samples of all keys find: what nothing explains, and which elements differ.
async fn found(live: &Live, journey: &Journey, expected: &Expected) -> BTreeSet<String> {
    let executions: HashMap<_, _> = journey.executions.clone().into_iter().collect();
    let mut found = BTreeSet::new();
    for turn in 0..40 {
        let sample = live.sample(None, turn, expected).await.unwrap();
        assert_eq!(sample.next, None, "all keys are on one page");
        assert!(!sample.ids().is_empty());
        found.extend(sample.difference(&executions, now_ms()));
        found.extend(sample.surplus);
    }
    found
}

#[tokio::test]
async fn what_was_written_is_explained_and_what_somebody_writes_is_not() {
    let server = Server::start(&[]).await;
    let live = server.live().await;
    for seed in 1..=4 {
        ask(&live, &["FLUSHALL"]).await;
        set_cursor(&live, "e:0").await;
        let mut journey = Journey::new(seed);
        let changes = journey.changes(400);
        for (i, batch) in changes.chunks(40).enumerate() {
            let from = i as u64 * 40;
            apply(&live, from, from + 40, &writes(batch)).await;
        }
        let expected = expected(&changes);
        let none = BTreeSet::new();
        assert_eq!(found(&live, &journey, &expected).await, none, "seed {seed}");

        let before = dump(&live).await;
        let today = Day::utc_of(now_ms());
        let surplus = [
            format!("test:metrics:hourly:{today}-00:nobody"),
            format!("test:agent:daily:{today}:nobody"),
            format!("test:agent:performance:nobody:{today}"),
        ];
        for key in &surplus {
            ask(&live, &["HSET", key, "execution_count", "1"]).await;
            let found = found(&live, &journey, &expected).await;
            assert_eq!(found, [key.clone()].into(), "seed {seed}");
            ask(&live, &["DEL", key]).await;
        }
        let list = "test:agent:history:agent-0";
        for (push, pop) in [
            (vec!["LPUSH", list, "{}"], vec!["LPOP", list]),
            (vec!["LPUSH", list, "text"], vec!["LPOP", list]),
            (
                vec![
                    "ZADD",
                    "test:agent:performance:agent-0:duration",
                    "5",
                    "nobody",
                ],
                vec!["ZREM", "test:agent:performance:agent-0:duration", "nobody"],
            ),
        ] {
            ask(&live, &push).await;
            let found = found(&live, &journey, &expected).await;
            assert_eq!(found, [format!("{} was changed", push[1])].into());
            ask(&live, &pop).await;
        }
        assert_eq!(dump(&live).await, before);
    }
}
