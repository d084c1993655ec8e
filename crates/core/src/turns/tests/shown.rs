//! Turns that only a transcript shows, and stops without a start.

use super::*;

#[test]
fn a_stop_without_a_start_ends_the_turn_that_a_transcript_shows() {
    for end in [20_040, 40_000, 10_820_000] {
        let steps = format!("i10000-20000 e{end}");
        check(&steps, &[], &format!("?-{end}"));
    }
    check("i10000-20000 e40000 e40200 a52000", &[], "?-52000");
    check("i10000-20000 f40000", &[], "?-40000(rate_limit)");
    check("i10000-20000 n40000", &[], "10000-20000");
    // What is still being written is imported once more.
    check("i10000-20000 i10000-30000 e90000", &[], "?-90000");
}

#[test]
fn each_stop_ends_the_latest_turn_that_began_before_it() {
    let resumed = "i10000-20000 i50000-60000";
    check(resumed, &[], "10000-20000 50000-60000");
    check(&format!("{resumed} e90000"), &[], "10000-20000 ?-90000");
    check(&format!("{resumed} e40000"), &[], "?-40000 50000-60000");
    let both = format!("{resumed} e40000 e90000");
    check(&both, &[], "?-40000 ?-90000");
}

#[test]
fn a_start_has_more_right_to_a_stop() {
    check("i10000-20000 s9960 e40000", &[], "9960-40000");
    check("i10000-20000 s50000 e90000", &[], "10000-20000 50000-90000");
    check("i10000-20000 e40000 s50000", &[], "?-40000 50000-");
    // A hook that was slow to begin.
    check("i10000-20000 s21000 e20040", &[], "21000-20040");
}
