use std::collections::BTreeMap;

use super::command::shown;
use super::compare::{Verdict, compare};
use super::counted::Counted;
use agentpulse_sources::claude_code::transcript::{ClientTotals, ClientUsage};

fn usage(input_tokens: u64) -> ClientUsage {
    ClientUsage {
        input_tokens,
        ..ClientUsage::default()
    }
}

fn totals(session: &str, began_ms: i64, input: u64, cost: f64) -> ClientTotals {
    ClientTotals {
        session_id: session.to_owned(),
        began_ms,
        cost,
        models: BTreeMap::from([("claude-opus-5".to_owned(), usage(input))]),
        compactions: 0,
        goes_on: false,
    }
}

fn counted(session: &str, input: u64, cost: f64) -> (String, Counted) {
    let counted = Counted {
        models: BTreeMap::from([("opus-5".to_owned(), usage(input))]),
        cost,
        ..Counted::default()
    };
    (session.to_owned(), counted)
}

#[test]
fn sessions_whose_totals_go_on_are_compared_together() {
    let totals = [
        totals("a", 1, 100, 0.5),
        totals("fork-of-a", 1, 300, 1.5),
        totals("b", 2, 7, 0.1),
    ];
    let ours = [
        counted("a", 100, 0.5),
        counted("fork-of-a", 200, 1.0),
        counted("b", 8, 0.1),
    ];
    let compared = compare(&totals, &BTreeMap::from(ours));
    let verdicts: Vec<_> = compared.iter().map(|one| &one.verdict).collect();
    assert_eq!(verdicts, [&Verdict::Equal, &Verdict::Unexplained]);
    assert_eq!(
        shown(&compared, None),
        "SESSION         CLIENT    COUNTED  VERDICT\n\
         a fork-of-a  $1.500000  $1.500000  equal\n\
         b            $0.100000  $0.100000  unexplained\n  \
           opus-5       7/0/0/0    8/0/0/0  input/output/cache read/cache write\n"
    );
}

#[test]
fn a_run_that_goes_on_elsewhere_joins_its_sessions() {
    let totals = [totals("a", 1, 100, 0.5), totals("b", 2, 50, 0.2)];
    let mut first = counted("a", 150, 0.7);
    first.1.later_sessions.insert("b".to_owned());
    let compared = compare(&totals, &BTreeMap::from([first, counted("b", 0, 0.0)]));
    assert_eq!(compared.len(), 1);
    assert_eq!(compared[0].verdict, Verdict::Equal);
}

#[test]
fn a_difference_is_explained_by_what_is_known_of_the_session() {
    let verdict = |change: fn(&mut ClientTotals), reason: Option<&'static str>| {
        let mut one = totals("a", 1, 100, 0.5);
        change(&mut one);
        let mut ours = counted("a", 60, 0.3);
        ours.1.reason = reason;
        compare(&[one], &BTreeMap::from([ours])).remove(0).verdict
    };
    assert_eq!(verdict(|_| {}, None), Verdict::Unexplained);
    let runs = "some of it still runs";
    assert_eq!(verdict(|_| {}, Some(runs)), Verdict::Explained(runs));
    let compacted = verdict(|one| one.compactions = 1, None);
    assert!(matches!(compacted, Verdict::Explained(why) if why.starts_with("a compaction")));
    let later = verdict(|one| one.goes_on = true, None);
    assert!(matches!(later, Verdict::Explained(why) if why.contains("gone on")));
}
