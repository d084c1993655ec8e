//! Sums that are larger than Redis holds exactly: they end at one number, and history is asked.

use std::sync::Arc;

use super::apply::{apply, stop};
use super::journey::Journey;
use super::{Server, ask, dump, keys, set_cursor, writes};
use crate::writes::{Merge, Section};
use crate::{Error, Key, Live, Writes};
use agentpulse_core::bucket::Day;
use agentpulse_core::execution::Fact;
use agentpulse_core::sum::{MAX_EXACT, MAX_SUM};
use agentpulse_core::zone::Zone;

/// The script's section of a hash and that of a sorted set, with one sum each.
fn adding(day: Day, more: i64) -> Writes {
    let mut writes = Writes::default();
    let hash = Section::new(&keys(), Key::DayTally, &[&day], i64::from(u32::MAX) * 1000);
    writes.push(hash.merge(Merge::default().add([("total_tokens", more)])));
    let set = Section::new(&keys(), Key::ToolCalls, &[&day], i64::from(u32::MAX) * 1000);
    writes.push(set.add([("Tool0", more)]));
    writes
}

/// What both hold. None if history is to be asked.
async fn held(live: &Live, day: Day) -> [Option<i64>; 2] {
    let asked = |answer: Result<i64, Error>| match answer {
        Ok(sum) => Some(sum),
        Err(error) => {
            assert!(error.is_inexact(), "{error}");
            None
        }
    };
    let days = live.days(day, day).await;
    let days = days.map(|days| days.first().map_or(0, |day| day.tally.total_tokens));
    let tools = live.tools(day, day).await;
    let tools = tools.map(|tools| tools.first().map_or(0, |tool| tool.calls));
    [asked(days), asked(tools)]
}

#[tokio::test]
async fn any_sums_are_those_of_a_naive_model() {
    let server = Server::start(&[]).await;
    let live = server.live().await;
    let mut random = Journey::new(17);
    let (mut exact, mut beyond) = (0, 0);
    for case in 0..40 {
        ask(&live, &["FLUSHALL"]).await;
        set_cursor(&live, "e:0").await;
        let day = Day(20_000 + case);
        // In 128 bits. What has been beyond stays there.
        let (mut model, mut is_beyond) = (0_i128, false);
        for seq in 0..30 {
            let size = 44 + random.below(12);
            let more = (random.below(1 << size) as i128).min(MAX_SUM.into());
            let more = match random.below(3) {
                0 => -more.min(model),
                _ => more,
            };
            model += more;
            is_beyond |= model >= i128::from(MAX_EXACT);
            let more = i64::try_from(more).unwrap().clamp(-MAX_SUM, MAX_SUM);
            apply(&live, seq, seq + 1, &adding(day, more)).await;
            let expect = (!is_beyond).then(|| i64::try_from(model).unwrap());
            assert_eq!(held(&live, day).await, [expect; 2], "{case}: {model}");
            match is_beyond {
                true => beyond += 1,
                false => exact += 1,
            }
        }
    }
    assert!(
        exact > 300 && beyond > 300,
        "{exact} and {beyond} say little"
    );
}

#[tokio::test]
async fn the_largest_exact_sum_is_exact_and_one_more_is_not() {
    let server = Server::start(&[]).await;
    let live = server.live().await;
    set_cursor(&live, "e:0").await;
    let day = Day(20_000);
    apply(&live, 0, 1, &adding(day, MAX_EXACT - 2)).await;
    apply(&live, 1, 2, &adding(day, 1)).await;
    assert_eq!(held(&live, day).await, [Some(MAX_EXACT - 1); 2]);
    apply(&live, 2, 3, &adding(day, 1)).await;
    assert_eq!(held(&live, day).await, [None; 2]);
    // As text, and not as a number in scientific notation.
    let text = ask(
        &live,
        &["HGET", "test:metrics:daily:2024-10-04", "total_tokens"],
    )
    .await;
    assert_eq!(text.as_string().as_deref(), Some("9007199254740991"));
    apply(&live, 3, 4, &adding(day, -MAX_EXACT)).await;
    assert_eq!(held(&live, day).await, [None; 2]);
}

#[tokio::test]
async fn subtracting_leaves_no_number_below_zero() {
    let server = Server::start(&[]).await;
    let live = server.live().await;
    set_cursor(&live, "e:0").await;
    let day = Day(20_000);
    apply(&live, 0, 1, &adding(day, 7)).await;
    apply(&live, 1, 2, &adding(day, -9)).await;
    apply(&live, 2, 3, &adding(Day(20_001), -9)).await;
    assert_eq!(held(&live, day).await, [Some(0); 2]);
    assert_eq!(dump(&live).await.len(), 1, "only the cursor is left");
}

#[tokio::test]
async fn a_sum_that_an_older_version_stored_is_added_to() {
    let server = Server::start(&[]).await;
    let live = server.live().await;
    set_cursor(&live, "e:0").await;
    let mut journey = Journey::new(4);
    let happened = journey.happen("a", Fact::Stop(Box::new(stop("agent-0", 5))));
    let change: Arc<_> = happened.unwrap();
    let day = change.added().unwrap().day(&Zone::utc());
    let name = keys().name(Key::DayTally, &[&day]);
    ask(
        &live,
        &["HSET", &name, "total_tokens", "9223372036854775807"],
    )
    .await;
    apply(&live, 0, 1, &writes(&[change])).await;
    let error = live.days(day, day).await.unwrap_err();
    assert!(error.is_inexact() && !error.is_broken(), "{error}");
}
