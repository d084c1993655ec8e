use std::time::Instant;

use super::grant::held;
use super::key::{Digest, MAX_KEYS};
use super::*;

fn me() -> Actor {
    Actor::user(1, "command line")
}

fn new(name: &str) -> NewKey {
    NewKey {
        name: name.to_owned(),
        scopes: Scopes::parse("read").unwrap(),
        expires_ms: None,
    }
}

pub(super) fn grant() -> Grant {
    grant_of("00000000")
}

pub(super) fn grant_of(id: &str) -> Grant {
    let key = Key {
        id: id.to_owned(),
        name: "a".to_owned(),
        scopes: Scopes::parse("read").unwrap(),
        created_ms: 0,
        last_used_ms: None,
        expires_ms: None,
    };
    Grant(held(key, Digest::of("a")))
}

fn actions(access: &Access) -> Vec<(String, String)> {
    let rows = access.audit(0, 10).unwrap();
    rows.into_iter()
        .map(|row| (row.action, row.detail.unwrap_or_default()))
        .collect()
}

#[test]
fn a_key_opens_until_it_is_revoked_also_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("access.db");
    let access = Access::open(&path).unwrap();
    assert!(!access.has_keys());
    let (text, key) = access.create(new("one"), me(), 1_000).unwrap();
    assert!(access.verify(&text, 2_000).unwrap().opens(Scope::Read));
    assert!(!access.verify(&text, 2_000).unwrap().opens(Scope::Ingest));
    for wrong in [
        "",
        "ap_",
        &text[1..],
        &text.to_uppercase(),
        &format!("{text} "),
    ] {
        assert!(access.verify(wrong, 2_000).is_none(), "{wrong}");
    }
    drop(access);
    let access = Access::open(&path).unwrap();
    assert!(access.has_keys());
    assert!(access.verify(&text, 3_000).is_some());
    assert_eq!(access.revoke("one", me(), 4_000).unwrap().id, key.id);
    assert!(access.verify(&text, 4_000).is_none());
    assert!(!access.has_keys());
    assert!(access.revoke(&key.id, me(), 4_000).is_err());
    drop(access);
    let access = Access::open(&path).unwrap();
    assert!(access.verify(&text, 5_000).is_none());
    let detail = format!("{} (one), read", key.id);
    let expect = ["key_revoked", "key_created"].map(|action| (action.to_owned(), detail.clone()));
    assert_eq!(actions(&access), expect);
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(memchr::memmem::find(&bytes, &text.as_bytes()[3..]).is_none());
    }
}

#[test]
fn an_expired_key_opens_nothing_and_still_closes_the_door() {
    let dir = tempfile::tempdir().unwrap();
    let access = Access::open(&dir.path().join("access.db")).unwrap();
    let expires_ms = Some(5_000);
    let new = NewKey {
        expires_ms,
        ..new("one")
    };
    let (text, _) = access.create(new, me(), 1_000).unwrap();
    assert!(access.verify(&text, 4_999).is_some());
    assert!(access.verify(&text, 5_000).is_none());
    assert!(access.has_keys());
}

#[test]
fn names_are_plain_and_once_and_keys_are_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let access = Access::open(&dir.path().join("access.db")).unwrap();
    access.create(new("one"), me(), 1).unwrap();
    let error = |name: &str| access.create(new(name), me(), 1).unwrap_err().to_string();
    assert_eq!(error("one"), "there is already a key named one");
    assert!(error("a b").contains("must be 1..=64"));
    for n in 1..MAX_KEYS {
        access.create(new(&n.to_string()), me(), 1).unwrap();
    }
    assert_eq!(error("more"), "there are 256 keys: revoke one");
    assert_eq!(access.list().len(), MAX_KEYS);
}

#[test]
fn a_ticket_dies_with_its_key() {
    let dir = tempfile::tempdir().unwrap();
    let access = Access::open(&dir.path().join("access.db")).unwrap();
    let (text, key) = access.create(new("one"), me(), 1).unwrap();
    let now = Instant::now();
    let ticket = || {
        access
            .ticket(access.verify(&text, 2).unwrap(), now)
            .unwrap()
    };
    let (used, kept) = (ticket(), ticket());
    assert_eq!(access.redeem(&used, now, 3).unwrap().id(), key.id);
    assert!(access.redeem(&used, now, 3).is_none());
    access.revoke(&key.id, me(), 4).unwrap();
    assert!(access.redeem(&kept, now, 5).is_none());
}

#[test]
fn the_last_use_is_kept_and_refusals_are_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("access.db");
    let access = Access::open(&path).unwrap();
    // What is of 1970 is past its age.
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let at_ms = |after_ms: i64| now_ms + after_ms;
    let [made, first, noted, second, late, end] =
        [1_000, 70_000, 71_000, 80_000, 81_000, 82_000].map(at_ms);
    let (text, _) = access.create(new("one"), me(), made).unwrap();
    access.verify(&text, first).unwrap();
    access.refused(me(), "unauthorized", 3);
    access.tick(noted, false).unwrap();
    access.verify(&text, second).unwrap();
    access.tick(late, false).unwrap();
    assert_eq!(access.list()[0].last_used_ms, Some(second));
    let again = Access::open(&path).unwrap();
    assert_eq!(again.list()[0].last_used_ms, Some(first), "to the minute");
    access.tick(end, true).unwrap();
    let again = Access::open(&path).unwrap();
    assert_eq!(
        again.list()[0].last_used_ms,
        Some(second),
        "all of it at the end"
    );
    let row = &again.audit(0, 10).unwrap()[0];
    assert_eq!((row.action.as_str(), row.count), ("access_refused", 3));
}

#[tokio::test]
async fn waiters_are_notified_when_a_key_ends() {
    let dir = tempfile::tempdir().unwrap();
    let access = Access::open(&dir.path().join("access.db")).unwrap();
    let (text, key) = access.create(new("one"), me(), 1).unwrap();
    let grant = access.verify(&text, 1).unwrap();
    let waiting = tokio::spawn(async move { grant.ended(1).await });
    access.revoke(&key.id, me(), 2).unwrap();
    waiting.await.unwrap();
    let new = NewKey {
        expires_ms: Some(50),
        ..new("two")
    };
    let (text, _) = access.create(new, me(), 1).unwrap();
    access.verify(&text, 1).unwrap().ended(49).await;
}

#[test]
fn refusals_that_cannot_be_written_are_written_later() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("access.db");
    let access = Access::open(&path).unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    // Not so long ago that the row would be pruned at once.
    let now_ms = jiff::Timestamp::now().as_millisecond();
    access.refused(me(), "unauthorized", 3);
    other
        .execute_batch("ALTER TABLE audit RENAME TO away")
        .unwrap();
    access.tick(now_ms, false).unwrap_err();
    other
        .execute_batch("ALTER TABLE away RENAME TO audit")
        .unwrap();
    access.refused(me(), "unauthorized", 2);
    access.tick(now_ms + 60_000, false).unwrap();
    let rows = access.audit(0, 10).unwrap();
    let counts: Vec<_> = rows.iter().map(|row| row.count).collect();
    assert_eq!(counts, [5]);
}
