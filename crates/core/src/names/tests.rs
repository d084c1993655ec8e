use super::*;

const TODAY: Day = Day(20_777);

fn names(tools: usize) -> Names {
    let limits = NameLimits {
        agents: 2,
        types: 1,
        tools,
    };
    Names::new(limits, Zone::utc(), TODAY)
}

fn track(names: &mut Names, ago: i32, name: &str) -> bool {
    names.track(NameKind::Tool, TODAY.back(ago), name);
    names.is_tracked(NameKind::Tool, TODAY.back(ago), name)
}

#[test]
fn the_first_names_of_a_day_have_its_places() {
    let mut names = names(2);
    assert!(!track(&mut names, 0, OTHER));
    assert!(track(&mut names, 0, "a") && track(&mut names, 0, "b"));
    assert!(names.track(NameKind::Tool, TODAY, "a").is_empty());
    assert!(!names.is_closed(NameKind::Tool, TODAY));
    assert!(!track(&mut names, 0, "c"));
    assert!(names.is_closed(NameKind::Tool, TODAY));
    assert_eq!(names.label(NameKind::Tool, TODAY, "b"), "b");
    assert_eq!(names.label(NameKind::Tool, TODAY, "c"), OTHER);
    assert_eq!(names.label(NameKind::Agent, TODAY, "b"), OTHER);
    // A day far from it has its own.
    assert!(track(&mut names, HELD_DAYS + 1, "c"));
}

#[test]
fn a_name_stays_tracked_for_a_week_after_its_last_day() {
    for (ago, is_held) in [(1, true), (HELD_DAYS, true), (HELD_DAYS + 1, false)] {
        let mut names = names(2);
        assert!(track(&mut names, ago, "Read") && track(&mut names, ago, "Bash"));
        assert_eq!(track(&mut names, 0, "junk-1"), !is_held, "{ago}");
        assert_eq!(track(&mut names, 0, "junk-2"), !is_held, "{ago}");
        assert_eq!(track(&mut names, 0, "Read"), is_held, "{ago}");
    }
    // A day that did not count a name does not keep it tracked any longer.
    let mut names = names(2);
    for (ago, name) in [(9, "Read"), (5, "Bash"), (1, "Edit"), (1, "Grep")] {
        assert_eq!(track(&mut names, ago, name), name != "Grep", "{name}");
    }
    assert!(!names.is_tracked(NameKind::Tool, TODAY.back(1), "Read"));
}

#[test]
fn days_that_are_filled_late_share_their_limit() {
    let mut names = names(4);
    // A name each, of which the later days have all; then as many more as there is room for.
    for ago in 0..60 {
        assert!(track(&mut names, ago, "first"));
    }
    for ago in 0..60 {
        for n in 0..4 {
            track(&mut names, ago, &format!("junk-{ago}-{n}"));
        }
    }
    let all: BTreeSet<&str> = (0..60)
        .flat_map(|ago| names.counted(NameKind::Tool, TODAY.back(ago)))
        .collect();
    // Three more every eight days, where each day alone would have had them.
    assert!(all.len() <= 1 + 3 * 60_usize.div_ceil(8), "{}", all.len());
}

#[test]
fn a_name_refused_on_a_day_stays_refused_that_day() {
    let mut first = names(1);
    let mut written = first.track(NameKind::Tool, TODAY, "a");
    written.extend(first.track(NameKind::Tool, TODAY, "b"));
    // After a restart with a higher limit, and the same name came late for the day before.
    let mut second = names(5);
    written
        .into_iter()
        .for_each(|tracked| second.restore(tracked));
    assert!(track(&mut second, 1, "b"));
    assert!(!track(&mut second, 0, "b") && !track(&mut second, 0, "c"));
    assert!(track(&mut second, 0, "a"));
}

#[test]
fn only_stored_names_are_tracked_after_a_restart() {
    let mut names = names(3);
    let mut written = BTreeMap::new();
    let mut write = |tracked: TrackedName| {
        let key = (tracked.kind, tracked.day, tracked.name.clone());
        written.insert(key, tracked);
    };
    for (ago, name) in [(9, "a"), (3, "b"), (2, "c"), (2, "a"), (1, "d"), (1, "e")] {
        let news = names.track(NameKind::Tool, TODAY.back(ago), name);
        news.into_iter().for_each(&mut write);
    }
    names
        .close(NameKind::Agent, TODAY)
        .into_iter()
        .for_each(&mut write);
    let mut restored = self::names(3);
    written
        .into_values()
        .for_each(|tracked| restored.restore(tracked));
    assert_eq!(restored.days, names.days);
    assert!(restored.is_closed(NameKind::Tool, TODAY.back(1)));
}

#[test]
fn days_whose_keys_have_expired_are_forgotten() {
    let mut names = names(2);
    let old = TODAY.back(KNOWN_DAYS);
    assert!(track(&mut names, KNOWN_DAYS, "a") && track(&mut names, 0, "b"));
    names.forget(Day(TODAY.0 + 1));
    assert!(!names.is_tracked(NameKind::Tool, old, "a"));
    assert!(names.track(NameKind::Tool, old, "c").is_empty());
    // History shows such days by the names that are tracked on another day.
    assert_eq!(names.label(NameKind::Tool, old, "b"), "b");
    assert!(names.is_known(NameKind::Tool, "b") && !names.is_known(NameKind::Tool, "a"));
}
