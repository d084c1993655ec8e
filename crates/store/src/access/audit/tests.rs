use super::*;

fn actor(origin: &str) -> Actor {
    Actor::unknown(origin.to_owned())
}

fn key(name: &str, origin: &str) -> Actor {
    Actor {
        who: format!("key {name}"),
        origin: origin.to_owned(),
    }
}

fn due(refusals: &mut Refusals, now_ms: i64) -> Vec<(String, u64)> {
    let rows = refusals.take_due(now_ms, false);
    let mut rows: Vec<_> = rows
        .into_iter()
        .map(|row| (row.actor.origin, row.count))
        .collect();
    rows.sort();
    rows
}

#[test]
fn an_address_has_one_row_a_minute_and_a_reason() {
    let mut refusals = Refusals::default();
    refusals.add(actor("a"), "unauthorized", 1);
    refusals.add(actor("a"), "unauthorized", 2);
    refusals.add(actor("b"), "unauthorized", 1);
    let both = [("a".to_owned(), 3), ("b".to_owned(), 1)];
    assert_eq!(due(&mut refusals, 1_000), both);
    refusals.add(actor("a"), "unauthorized", 5);
    assert_eq!(due(&mut refusals, 60_999), []);
    refusals.add(actor("a"), "forbidden", 1);
    assert_eq!(due(&mut refusals, 60_999), [("a".to_owned(), 1)]);
    refusals.add(actor("a"), "unauthorized", 1);
    assert_eq!(due(&mut refusals, 61_000), [("a".to_owned(), 6)]);
    due(&mut refusals, 121_000);
    assert!(refusals.heaps.is_empty(), "what is quiet is forgotten");
}

#[test]
fn a_crowd_shares_one_row() {
    let mut refusals = Refusals::default();
    for n in 0..1_000 {
        refusals.add(actor(&format!("{n:04}")), "unauthorized", 1);
    }
    let rows = due(&mut refusals, 0);
    assert_eq!(rows.len(), MAX_ADDRESSES + 1);
    assert_eq!(rows.iter().map(|(_, count)| count).sum::<u64>(), 1_000);
    assert_eq!(rows[MAX_ADDRESSES], (OTHERS.to_owned(), 984));
}

#[test]
fn a_crowd_hides_no_key() {
    let mut refusals = Refusals::default();
    for n in 0..1_000 {
        refusals.add(actor(&format!("{n:04}")), "forbidden", 1);
    }
    for n in 0..10 {
        refusals.add(key("a", &format!("a{n}")), "forbidden", 1);
    }
    refusals.add(key("b", "0001"), "forbidden", 7);
    let rows = refusals.take_due(0, false);
    let of = |who: &str| {
        let rows = rows.iter().filter(|row| row.actor.who == who);
        let mut rows: Vec<_> = rows
            .map(|row| (row.actor.origin.as_str(), row.count))
            .collect();
        rows.sort();
        rows
    };
    let first = [("a0", 1), ("a1", 1), ("a2", 1), ("a3", 1), (OTHERS, 6)];
    assert_eq!(of("key a"), first);
    assert_eq!(of("key b"), [("0001", 7)]);
    assert_eq!(rows.iter().map(|row| row.count).sum::<u64>(), 1_017);
}

#[test]
fn the_most_refused_address_has_its_row_however_many_came_before() {
    let mut refusals = Refusals::default();
    for n in 0..MAX_ADDRESSES {
        refusals.add(actor(&format!("{n:04}")), "unauthorized", 1);
    }
    assert_eq!(due(&mut refusals, 1_000).len(), MAX_ADDRESSES);
    refusals.add(actor("loud"), "unauthorized", 50);
    for n in 0..1_000 {
        refusals.add(actor(&format!("x{n:04}")), "unauthorized", 2);
    }
    // One row of those that were pushed out; nothing more of addresses within the minute.
    assert_eq!(
        due(&mut refusals, 2_000),
        [(OTHERS.to_owned(), 2 * (1_001 - MAX_TRACKED as u64))]
    );
    let next = due(&mut refusals, 62_000);
    assert!(next.contains(&("loud".to_owned(), 50)), "{next:?}");
    assert_eq!(next.len(), MAX_ADDRESSES + 1);
}

#[test]
fn the_end_leaves_nothing_unwritten_and_a_clock_set_back_holds_nothing_up() {
    let mut refusals = Refusals::default();
    refusals.add(actor("a"), "unauthorized", 1);
    due(&mut refusals, 500_000);
    refusals.add(actor("a"), "unauthorized", 1);
    assert_eq!(due(&mut refusals, 400_000), [("a".to_owned(), 1)]);
    refusals.add(actor("a"), "unauthorized", 1);
    assert_eq!(refusals.take_due(400_001, true).len(), 1);
}

#[test]
fn at_the_end_the_most_refused_address_has_its_row() {
    let mut refusals = Refusals::default();
    for n in 0..MAX_ADDRESSES {
        refusals.add(actor(&format!("{n:04}")), "unauthorized", 1);
    }
    assert_eq!(due(&mut refusals, 1_000).len(), MAX_ADDRESSES);
    refusals.add(actor("loud"), "unauthorized", 50);
    let rows = refusals.take_due(2_000, true);
    let rows: Vec<_> = rows
        .iter()
        .map(|row| (row.actor.origin.as_str(), row.count))
        .collect();
    assert_eq!(rows, [("loud", 50)]);
}

#[test]
fn rows_that_could_not_be_written_are_written_a_minute_later() {
    let mut refusals = Refusals::default();
    refusals.add(actor("a"), "unauthorized", 5);
    let rows = refusals.take_due(1_000, false);
    refusals.put_back(rows);
    refusals.add(actor("a"), "unauthorized", 2);
    assert_eq!(due(&mut refusals, 2_000), []);
    assert_eq!(due(&mut refusals, 61_000), [("a".to_owned(), 7)]);
}

#[test]
fn a_detail_is_one_short_line() {
    let text = format!("a\nb\u{7}{}", "x".repeat(300));
    let entry = Entry::of(Action::Prune, actor("a"), Err(text), 1);
    let detail = entry.detail.unwrap();
    assert!(detail.starts_with("a b x") && detail.chars().count() == 200);
    assert_eq!(entry.outcome, "failed");
}
