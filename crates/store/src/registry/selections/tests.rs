use super::*;

const AT: i64 = 1_795_169_700_000;

fn kept(id: &str, asker: &str, at_ms: i64) -> Kept {
    Kept {
        id: id.to_owned(),
        at_ms,
        asker: asker.to_owned(),
        project: Some("~/shop".to_owned()),
        session_id: None,
        terms: vec!["query".to_owned()],
        shown: vec![Shown {
            id: "agent_a".to_owned(),
            name: "tuner".to_owned(),
            base: 0.5,
            surprise: -0.25,
        }],
        recommended: Some("agent_a".to_owned()),
        unlearned: None,
        propensity: Some(0.75),
    }
}

fn word(rating: u8) -> Reported {
    Reported {
        word: Some(Word {
            chosen: "agent_a".to_owned(),
            outcome: None,
            rating: Some(rating),
        }),
        run: Some(Run {
            execution_id: "e1".to_owned(),
            agent_id: "agent_a".to_owned(),
            is_success: true,
        }),
        reward: Some((0.5, 1.0)),
    }
}

fn reported(store: &Selections, asker: Option<&str>) -> Vec<String> {
    let mut ids = Vec::new();
    store
        .each_reported(asker, |settled| ids.push(settled.kept.id))
        .unwrap();
    ids
}

#[test]
fn the_last_word_stands_and_is_the_newest() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("registry.db");
    let mut store = Selections::open(&path).unwrap();
    for (id, asker) in [("a", "me"), ("b", "me"), ("c", "you"), ("d", "you")] {
        store.keep(&kept(id, asker, AT)).unwrap();
    }
    for id in ["a", "b", "c", "a"] {
        store.report(id, &word(3), AT + 5).unwrap();
    }
    assert_eq!(reported(&store, None), ["b", "c", "a"]);
    drop(store);
    let store = Selections::open(&path).unwrap();
    assert_eq!(reported(&store, Some("me")), ["b", "a"]);
    let settled = store.find("a").unwrap().unwrap();
    assert_eq!(settled.kept, kept("a", "me", AT));
    assert_eq!(settled.reported, word(3));
    assert_eq!(
        (settled.place, settled.reported_ms),
        (Some(4), Some(AT + 5))
    );
    let silent = store.find("d").unwrap().unwrap();
    assert_eq!((silent.reported, silent.place), (Reported::default(), None));
    assert_eq!(store.find("e").unwrap(), None);
    let counted = Selections::open_to_read(&path).unwrap().counted(AT);
    let of = |is_taken, reward| Counted {
        at_ms: AT,
        is_answered: true,
        agrees: false,
        is_taken,
        propensity: Some(0.75),
        reward,
    };
    let taken = || of(true, Some(0.5));
    let all = [taken(), taken(), taken(), of(false, None)];
    assert_eq!(counted.unwrap(), all);
}

#[test]
fn what_was_asked_long_ago_goes_and_all_of_it_on_demand() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Selections::open(&dir.path().join("registry.db")).unwrap();
    store.keep(&kept("a", "me", AT)).unwrap();
    store.keep(&kept("b", "me", AT + 1)).unwrap();
    assert_eq!(store.prune(AT + KEPT_MS).unwrap(), 0);
    assert_eq!(store.prune(AT + KEPT_MS + 1).unwrap(), 1);
    assert!(store.find("a").unwrap().is_none());
    assert_eq!((store.forget().unwrap(), store.rows), (1, 0));
}

#[test]
fn one_that_asks_very_often_takes_no_other_their_place() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Selections::open(&dir.path().join("registry.db")).unwrap();
    store.keep(&kept("mine", "me", AT)).unwrap();
    for number in 0..CUT + 1 {
        let kept = kept(&format!("s{number}"), "flood", AT + 1 + number as i64);
        store.keep(&kept).unwrap();
    }
    store.rows = MAX_ROWS;
    store.keep(&kept("last", "flood", AT + 9_000)).unwrap();
    assert!(store.find("mine").unwrap().is_some());
    assert!(store.find("s999").unwrap().is_none());
    assert!(store.find("s1000").unwrap().is_some());
    assert_eq!(store.rows, MAX_ROWS + 1 - CUT);
}
