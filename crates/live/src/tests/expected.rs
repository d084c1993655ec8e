//! What somebody else changes is found, key by key.

use std::sync::Arc;

use super::apply::{apply, stop};
use super::journey::Journey;
use super::{IDLE_MS, Server, ask, dump, expected, keys, names, now_ms, set_cursor};
use crate::{Key, Writes};
use agentpulse_core::bucket::Day;
use agentpulse_core::change::Change;
use agentpulse_core::execution::Fact;

#[tokio::test]
async fn each_key_that_goes_or_changes_is_found() {
    let server = Server::start(&[]).await;
    let live = server.live().await;
    set_cursor(&live, "e:0").await;
    let changes = Journey::new(7).changes(400);
    let batch = Writes::of(&changes, &names(), &keys(), IDLE_MS, now_ms());
    apply(&live, 0, 400, &batch).await;
    let expected = expected(&changes);
    assert_eq!(live.difference(&expected).await.unwrap(), None);
    assert_eq!(live.lists_gone(&expected).await.unwrap(), 0);
    let today = Day::utc_of(now_ms());
    let recent: Vec<String> = (0..7).map(|back| today.back(back).to_string()).collect();
    let mut seen = std::collections::BTreeSet::new();
    for (name, (kind, content, _)) in dump(&live).await {
        let key = keys().recognize(&name).unwrap();
        let is_dated = content.is_empty() || !name.contains("-");
        let is_recent = recent.iter().any(|day| name.contains(day.as_str()));
        let is_left_out = [Key::Cursor, Key::ActiveOf, Key::Timeline].contains(&key);
        let is_list = [Key::History, Key::Errors, Key::Durations, Key::DurationEnds].contains(&key);
        if is_left_out || !(is_recent || is_list || is_dated) {
            continue;
        }
        let copy = format!("{name}.copy");
        ask(&live, &["COPY", &name, &copy]).await;
        ask(&live, &["DEL", &name]).await;
        if is_list {
            assert_eq!(live.lists_gone(&expected).await.unwrap(), 1, "{name}");
        } else {
            let found = live.difference(&expected).await.unwrap();
            assert!(found.is_some_and(|found| found.contains(&name)), "{name}");
        }
        ask(&live, &["COPY", &copy, &name]).await;
        assert_eq!(live.difference(&expected).await.unwrap(), None, "{name}");
        let changes: Vec<Vec<String>> = match kind.as_str() {
            "hash" => content
                .iter()
                .filter_map(|field| one_more(&name, field))
                .take(24)
                .collect(),
            "zset" if !is_list => vec![words(&["ZADD", &name, "1", "somebody's"])],
            "set" => vec![words(&["SADD", &name, "somebody's"])],
            _ => Vec::new(),
        };
        for change in changes {
            ask(
                &live,
                &change.iter().map(String::as_str).collect::<Vec<_>>(),
            )
            .await;
            let found = live.difference(&expected).await.unwrap();
            assert_eq!(found, Some(format!("{name} was changed")), "{change:?}");
            ask(&live, &["DEL", &name]).await;
            ask(&live, &["COPY", &copy, &name]).await;
        }
        ask(&live, &["DEL", &copy]).await;
        seen.insert(keys().recognize(&name).map(|key| key.row().pattern));
    }
    // All of the table but the three that are left out.
    assert_eq!(seen.len(), 14, "{seen:?}");
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

/// Writes one more digit into a field. None for the least and the greatest, which are not compared.
fn one_more(name: &str, field: &str) -> Option<Vec<String>> {
    let (field, value) = field.split_once('=').unwrap();
    let is_extreme = [
        "min_duration_ms",
        "max_duration_ms",
        "extremes_from_history",
    ];
    let value = format!("{value}1");
    (!is_extreme.contains(&field)).then(|| words(&["HSET", name, field, &value]))
}

#[tokio::test]
async fn a_sum_at_its_limit_agrees_with_any_and_one_below_with_itself_alone() {
    let server = Server::start(&[]).await;
    let live = server.live().await;
    set_cursor(&live, "e:0").await;
    let mut journey = Journey::new(5);
    // 10^12 tokens and calls each: more than 2^53 - 1 together.
    let changes: Vec<Arc<Change>> = (0..9_100)
        .map(|run| {
            let mut stop = stop("agent-0", 1_000_000_000_000);
            stop.tool_calls
                .insert("Tool0".to_owned(), 1_000_000_000_000);
            let happened = journey.happen(&run.to_string(), Fact::Stop(Box::new(stop)));
            happened.unwrap()
        })
        .collect();
    let batch = Writes::of(&changes, &names(), &keys(), IDLE_MS, now_ms());
    apply(&live, 0, 9_100, &batch).await;
    let difference = async |changes| live.difference(&expected(changes)).await.unwrap();
    assert_eq!(difference(&changes).await, None);

    ask(&live, &["FLUSHALL"]).await;
    set_cursor(&live, "e:0").await;
    let one = &changes[..1];
    let batch = Writes::of(one, &names(), &keys(), IDLE_MS, now_ms());
    apply(&live, 0, 1, &batch).await;
    let day = keys().name(Key::DayTally, &[&Day::utc_of(now_ms())]);
    let set = async |field, sum| ask(&live, &["HSET", &day, field, sum]).await;
    // As it stays when the others have left the bucket; of the second nothing is left there.
    set("total_tokens", "9007199254740991").await;
    set("input_tokens", "9007199254740991").await;
    assert_eq!(difference(one).await, None);
    set("total_tokens", "9007199254740990").await;
    assert_eq!(difference(one).await, Some(format!("{day} was changed")));
}
