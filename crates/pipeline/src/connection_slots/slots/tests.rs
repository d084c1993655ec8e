use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::time::timeout;

use super::*;
use crate::address::Network;

/// Places, and how many were closed for others.
fn places(max: usize, reserve: Reserve) -> (Arc<Places>, Arc<AtomicUsize>) {
    let evicted = Arc::new(AtomicUsize::new(0));
    let counted = evicted.clone();
    let on_evicted = move || _ = counted.fetch_add(1, Ordering::Relaxed);
    (Places::new(max, reserve, on_evicted), evicted)
}

fn at(address: &str) -> ConnectionHolder {
    ConnectionHolder::Network(Network::of(address.parse::<IpAddr>().unwrap()))
}

fn key(id: &str) -> ConnectionHolder {
    ConnectionHolder::Key(id.to_owned())
}

fn is_lost(place: &Place) -> bool {
    !place.places.table.lock().has(place.id)
}

fn lost(places: &[Place]) -> Vec<usize> {
    let lost = places
        .iter()
        .enumerate()
        .filter(|(_, place)| is_lost(place));
    lost.map(|(n, _)| n).collect()
}

/// As if it had been in its state for so much longer.
fn age(place: &Place, by: Duration) {
    place.places.table.lock().age(place.id, by);
}

#[tokio::test]
async fn the_longest_idle_gives_way_and_what_works_does_not() {
    let (places, evicted) = places(3, Reserve::default());
    let me = || at("127.0.0.1");
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(places.enter(me()).await);
    }
    // The first one asks; the second one has asked, and idles since then.
    held[0].admit(me(), Rank::Anonymous).unwrap();
    held[1].admit(me(), Rank::Anonymous).unwrap();
    held[1].end();
    held.push(places.enter(me()).await);
    assert_eq!(lost(&held), [2]);
    held.push(places.enter(me()).await);
    assert_eq!(lost(&held), [1, 2]);
    held[2].lost().await;
    assert_eq!(
        held[2].admit(me(), Rank::Anonymous),
        Err(Full),
        "it is late"
    );
    held[3].admit(me(), Rank::Anonymous).unwrap();
    held[4].admit(me(), Rank::Anonymous).unwrap();
    assert!(places.try_enter(me()).is_none(), "all are at work");
    assert_eq!(lost(&held), [1, 2]);
    assert_eq!(evicted.load(Ordering::Relaxed), 2);
    let waiting = tokio::spawn({
        let places = places.clone();
        async move { places.enter(at("127.0.0.1")).await }
    });
    held[0].end();
    let last = timeout(Duration::from_secs(30), waiting).await.unwrap();
    assert_eq!(lost(&held), [0, 1, 2]);
    drop((held, last));
    places.emptied().await;
}

#[tokio::test]
async fn the_holder_of_most_slots_is_evicted_first_and_keys_last() {
    let (places, _) = places(6, Reserve::default());
    let mut held = vec![places.enter(at("10.0.0.1")).await];
    held.push(places.enter(at("10.0.0.2")).await);
    held[1].admit(key("a"), Rank::Keyed).unwrap();
    held[1].end();
    for _ in 0..3 {
        held.push(places.enter(at("10.0.0.3")).await);
    }
    held.push(places.enter(at("10.0.0.4")).await);
    held.push(places.enter(at("10.0.0.5")).await);
    held.push(places.enter(at("10.0.0.6")).await);
    assert_eq!(lost(&held), [2, 3], "the most");
    // One each: the longest, but for the key.
    held.push(places.enter(at("10.0.0.7")).await);
    held.push(places.enter(at("10.0.0.8")).await);
    assert_eq!(lost(&held), [0, 2, 3, 4]);
}

#[tokio::test]
async fn a_request_takes_the_place_of_one_that_is_stalled() {
    let (places, evicted) = places(4, Reserve::default());
    let me = || at("127.0.0.1");
    let mut held = Vec::new();
    for _ in 0..4 {
        let place = places.enter(me()).await;
        place.admit(me(), Rank::Anonymous).unwrap();
        held.push(place);
    }
    held[1].stall(true);
    held[2].stall(true);
    assert!(places.admit(me(), Rank::Anonymous).is_err(), "a moment ago");
    age(&held[1], STALLED_AFTER);
    age(&held[2], STALLED_AFTER);
    // It goes on: as if nothing had been.
    held[1].stall(false);
    held[1].stall(true);
    held.push(places.admit(me(), Rank::Anonymous).unwrap());
    assert_eq!(lost(&held), [2]);
    assert!(places.admit(me(), Rank::Anonymous).is_err());
    assert_eq!(evicted.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn some_places_are_kept_for_keys_and_some_for_probes() {
    let (places, _) = places(16, Reserve::for_keys_and_probes(16));
    let mut held = Vec::new();
    while let Ok(place) = places.admit(at("127.0.0.1"), Rank::Anonymous) {
        held.push(place);
    }
    assert_eq!(held.len(), 14);
    held.push(places.admit(key("a"), Rank::Keyed).unwrap());
    assert!(places.admit(key("b"), Rank::Keyed).is_err());
    let probe = places.enter(at("10.0.0.1")).await;
    probe.admit(at("10.0.0.1"), Rank::Probe).unwrap();
    assert!(lost(&held).is_empty());
}

#[tokio::test]
async fn one_address_or_key_leaves_a_quarter_to_others() {
    for (holder, rank) in [(at("10.0.0.1"), Rank::Anonymous), (key("a"), Rank::Keyed)] {
        let (places, _) = places(16, Reserve::for_keys(16));
        let mut held = Vec::new();
        while let Ok(place) = places.admit(holder.clone(), rank) {
            held.push(place);
        }
        assert_eq!(held.len(), 12);
        held.push(places.admit(at("10.0.0.2"), Rank::Anonymous).unwrap());
        // Behind a proxy those with keys have one address.
        held.push(places.admit(key("b"), Rank::Keyed).unwrap());
        held[3].stall(true);
        held[12].stall(true);
        age(&held[12], 3 * STALLED_AFTER);
        age(&held[3], STALLED_AFTER);
        held.push(places.admit(holder, rank).unwrap());
        assert_eq!(lost(&held), [3], "its own");
    }
}
