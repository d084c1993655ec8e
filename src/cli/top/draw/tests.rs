//! Screens as they are drawn, written by hand.

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier};
use serde_json::json;

use super::*;
use crate::cli::top::hour::{Ended, LastHour};
use crate::cli::top::snapshot::{Alert, Running, Snapshot};
use crate::cli::top::state::tests::{press, running};
use crate::cli::top::state::{State, Update};
use agentpulse_reports::current::Totals;

/// A minute after the beginning of a day.
const NOW: i64 = 20_000 * 86_400_000 + 60_000;

/// Two that run, one launched by the other and soon hung; seven ended in the last minutes.
fn two() -> State {
    let parent = Running {
        task: Some("look at everything that there is".to_owned()),
        ..running("parent", NOW - 125_000)
    };
    let child = Running {
        parent_id: Some("parent".to_owned()),
        name: "a-name-that-is-too-long-for-its-column".to_owned(),
        tool: Some("Bash".to_owned()),
        progress: Some(0.456),
        tokens: Some(12_345),
        cost: Some(0.0625),
        last_sign_ms: Some(NOW - 90_000),
        deadline_ms: Some(NOW + 10_000),
        ..running("child", NOW - 95_900)
    };
    let mut state = State::default();
    let ended = |ago_ms, executions| Ended {
        at_ms: NOW - ago_ms,
        executions,
        tokens: 2_000,
        cost: 0.125,
    };
    let list = vec![ended(1_000, 2), ended(61_000, 1), ended(200_000, 4)];
    state.take(Update::Begun(LastHour::begin(list, NOW - 290_000)), NOW);
    let snapshot = Snapshot {
        totals: Totals {
            active_agents: 2,
            executions_today: 1832,
            success_rate: 0.9383,
            avg_duration_ms: 103_809,
            tokens_used_today: 8_315_363,
            estimated_cost_today: 232.80,
            ..Totals::default()
        },
        running: vec![child, parent],
        alerts: vec![Alert {
            is_critical: true,
            text: "success rate 61% over 5 min".to_owned(),
        }],
        omitted: 0,
        from_history: false,
    };
    state.take(Update::Snapshot(snapshot), NOW);
    state
}

fn drawn(state: &mut State, columns: u16, rows: u16, colours: bool) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    let into = |frame: &mut ratatui::Frame| {
        let area = frame.area();
        draw(state, NOW, colours, area, frame.buffer_mut());
    };
    terminal.draw(into).unwrap();
    terminal.backend().buffer().clone()
}

/// Without the blanks at the ends of lines.
fn lines(buffer: &Buffer) -> Vec<String> {
    let area = buffer.area;
    let line = |y| {
        let cells = (0..area.width).map(|x| buffer[(x, y)].symbol());
        cells.collect::<String>().trim_end().to_owned()
    };
    (0..area.height).map(line).collect()
}

fn shown(state: &mut State, columns: u16, rows: u16) -> Vec<String> {
    lines(&drawn(state, columns, rows, true))
}

#[test]
fn a_usual_terminal() {
    // Of the sixty minutes fifty have room; five are known, and the second of them had most.
    let bars = format!("last hour    {}▁█▁▃▅  most 4 a minute", " ".repeat(45));
    let expect = [
        "agentpulse  live",
        "ALERT  success rate 61% over 5 min",
        "running 2  today 1832  success 93.8%  avg 1m43s  tokens 8.3M  cost $232.80",
        "last minute  2 ended  2.0k tokens  $0.12",
        &bars,
        "  AGENT                    TYPE            ELAPSED  TOOL            DONE  TOKENS",
        "  agent-parent             tester            2m05s  –                  –       –",
        "!   a-name-that-is-too-l…  tester            1m35s  Bash             46%   12.3k",
        "",
        "q quit  Enter details  / filter  s sort: elapsed  ? help                     1/2",
    ];
    assert_eq!(shown(&mut two(), 80, 10), expect);
}

#[test]
fn a_narrow_terminal_leaves_columns_out() {
    let expect = [
        "agentpulse  live",
        "ALERT  success rate 61% over 5 min",
        "running 2  today 1832  success 93.8%",
        "avg 1m43s  tokens 8.3M  cost $232.80",
        "last minute  2 ended  2.0k tokens  $0.12",
        "last hour         ▁█▁▃▅  most 4 a minute",
        "  AGENT                          ELAPSED",
        "  agent-parent                     2m05s",
        "!   a-name-that-is-too-long-fo…    1m35s",
        "",
        "",
        "q quit  Enter details  / filter  s sort…",
    ];
    assert_eq!(shown(&mut two(), 40, 12), expect);
}

#[test]
fn a_wide_terminal_shows_tasks() {
    let found = shown(&mut two(), 120, 10);
    let expect = [
        "  agent-parent                          tester            2m05s  –                  –       –        –  look at everyth…",
        "!   a-name-that-is-too-long-for-its-c…  tester            1m35s  Bash             46%   12.3k    $0.06",
    ];
    assert_eq!(found[6..8], expect);
}

#[test]
fn no_size_is_too_small_and_no_line_too_long() {
    for columns in 1..60 {
        for rows in 1..12 {
            for keys in ["", "?", "!", "/x"] {
                let mut state = two();
                press(&mut state, keys);
                let answer = Ok(json!({"agent_id": "parent", "漢字漢字": "漢字 漢字"}));
                state.take(Update::Detail("parent".to_owned(), answer), NOW);
                drawn(&mut state, columns, rows, true);
            }
        }
    }
}

#[test]
fn colours_are_of_sixteen_and_may_be_none() {
    let mut state = two();
    let buffer = drawn(&mut state, 80, 10, true);
    let colour = |x, y| buffer[(x, y)].fg;
    assert_eq!(colour(0, 0), Color::Green);
    assert_eq!(colour(0, 1), Color::Red, "the alert is critical");
    assert_eq!(colour(0, 7), Color::Yellow, "soon hung");
    assert!(
        buffer[(0, 6)].modifier.contains(Modifier::REVERSED),
        "selected"
    );
    let plain = drawn(&mut state, 80, 10, false);
    let none = |cell: &ratatui::buffer::Cell| cell.fg == Color::Reset && cell.bg == Color::Reset;
    assert!(plain.content.iter().all(none));
    assert!(plain[(0, 6)].modifier.contains(Modifier::REVERSED));
    assert_eq!(lines(&plain), lines(&buffer));
}

#[test]
fn the_page_of_the_selection_is_shown() {
    let mut state = State::default();
    let many = (0..25)
        .map(|at| running(&format!("x{at:02}"), at))
        .collect();
    let running = Snapshot {
        running: many,
        ..Snapshot::default()
    };
    state.take(Update::Snapshot(running), NOW);
    press(&mut state, "jjjjjjjjjjjj");
    // Four lines of head, the names of the columns, ten rows, the keys.
    let found = shown(&mut state, 80, 16);
    assert!(found[5].starts_with("  agent-x10 "), "{found:#?}");
    assert!(found[14].starts_with("  agent-x19 "), "{found:#?}");
    assert!(found[15].ends_with("13/25"), "{found:#?}");
}

#[test]
fn states_that_say_so() {
    let mut state = State::default();
    assert_eq!(shown(&mut state, 80, 6)[0], "agentpulse  asking the daemon");
    state.take(Update::Away("no daemon runs on /d".to_owned()), NOW);
    let away = "agentpulse  AWAY  no daemon runs on /d; asking again";
    assert_eq!(shown(&mut state, 80, 6)[0], away);
    let snapshot = Snapshot {
        omitted: 0,
        from_history: true,
        ..Snapshot::default()
    };
    state.take(Update::Snapshot(snapshot), NOW);
    let found = shown(&mut state, 80, 9);
    assert!(
        found[0].starts_with("agentpulse  from history"),
        "{found:#?}"
    );
    assert_eq!(found[5], "  nothing runs");
    press(&mut state, "/zorp!");
    let found = shown(&mut state, 80, 9);
    assert_eq!(found[5], "  nothing that runs contains zorp");
    assert_eq!(found[8], "filter: zorp  Esc all  s sort: elapsed  ? help");
}

#[test]
fn a_detail_wraps_what_is_long_and_scrolls_to_its_end() {
    let mut state = two();
    press(&mut state, "!");
    let answer = json!({
        "agent_id": "parent", "model": null, "task_description": "0123456789abcdefghij\u{1b}",
        "token_usage": {"total_tokens": 7},
    });
    state.take(Update::Detail("parent".to_owned(), Ok(answer)), NOW);
    let expect = [
        "execution parent",
        "agent_id              parent",
        "task_description      0123456789abcdefgh",
        "                      ij",
        "token_usage.total_t…  7",
        "Esc back  ↑↓ scroll  q quit  ? help",
    ];
    assert_eq!(shown(&mut state, 40, 12)[6..], expect);
    press(&mut state, "jjjjjjj");
    assert_eq!(
        shown(&mut state, 40, 12)[7],
        expect[1],
        "all of it has room"
    );
    press(&mut state, "G");
    let found = shown(&mut state, 40, 9);
    assert_eq!(found[5..8], [expect[2], expect[3], expect[4]]);
    assert_eq!(state.detail.unwrap().scroll, 1);
}
