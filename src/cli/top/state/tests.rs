//! Keys and answers, as data.

use serde_json::json;

use super::*;
use crate::cli::top::snapshot::Running;

pub fn running(id: &str, started_ms: i64) -> Running {
    Running {
        id: id.to_owned(),
        name: format!("agent-{id}"),
        agent_type: "tester".to_owned(),
        started_ms,
        ..Running::default()
    }
}

pub fn snapshot(running: Vec<Running>) -> Update {
    Update::Snapshot(Snapshot {
        running,
        ..Snapshot::default()
    })
}

/// A key a letter, but for `^` Escape, `!` Enter, `<` Backspace.
pub fn press(state: &mut State, keys: &str) -> Then {
    let mut then = Then::Nothing;
    for letter in keys.chars() {
        let code = match letter {
            '^' => KeyCode::Esc,
            '!' => KeyCode::Enter,
            '<' => KeyCode::Backspace,
            letter => KeyCode::Char(letter),
        };
        then = state.key(KeyEvent::from(code));
    }
    then
}

fn three() -> State {
    let mut state = State::default();
    let all = ["a", "b", "c"].into_iter().zip(1..);
    let then = state.take(snapshot(all.map(|(id, at)| running(id, at)).collect()), 10);
    assert_eq!(then, Then::Nothing);
    state
}

fn selected(state: &State) -> &str {
    &state.rows()[state.selected()].running.id
}

#[test]
fn the_selection_moves_within_the_rows() {
    let mut state = three();
    let mut after = |keys| {
        press(&mut state, keys);
        selected(&state).to_owned()
    };
    assert_eq!(
        [after(""), after("j"), after("jjj"), after("k")],
        ["a", "b", "c", "b"]
    );
    assert_eq!([after("g"), after("G")], ["a", "c"]);
    state.key(KeyEvent::from(KeyCode::PageUp));
    assert_eq!(selected(&state), "a");
    let mut empty = State::default();
    assert_eq!(press(&mut empty, "jjG!"), Then::Nothing);
}

#[test]
fn the_selection_stays_with_its_execution() {
    let mut state = three();
    press(&mut state, "j");
    state.take(snapshot(vec![running("b", 2), running("c", 3)]), 11);
    assert_eq!(selected(&state), "b");
    press(&mut state, "r");
    assert_eq!((selected(&state), state.selected()), ("b", 1));
    state.take(snapshot(vec![running("c", 3)]), 12);
    assert_eq!(selected(&state), "c");
    state.take(snapshot(Vec::new()), 13);
    assert_eq!(
        (state.selected(), press(&mut state, "!")),
        (0, Then::Nothing)
    );
}

#[test]
fn a_filter_is_typed_kept_and_left() {
    let mut state = three();
    press(&mut state, "/agent-bx<");
    assert_eq!((state.filter.as_str(), state.typing), ("agent-b", true));
    assert_eq!(selected(&state), "b");
    // Letters are letters while it is typed.
    assert_eq!(press(&mut state, "q<!"), Then::Nothing);
    assert_eq!((state.filter.as_str(), state.typing), ("agent-b", false));
    assert_eq!(press(&mut state, "^"), Then::Nothing);
    assert_eq!(
        (state.rows().len(), press(&mut state, "^")),
        (3, Then::Quit)
    );
    press(&mut state, "/a^");
    assert_eq!((state.filter.as_str(), state.typing), ("", false));
}

#[test]
fn a_detail_is_asked_for_until_it_is_left() {
    let mut state = three();
    assert_eq!(press(&mut state, "j!"), Then::Ask(Some("b".to_owned())));
    let answer = |id: &str| Update::Detail(id.to_owned(), Ok(json!({"agent_id": id})));
    state.take(answer("a"), 11);
    assert_eq!(
        state.detail.as_ref().unwrap().answer,
        None,
        "it was another one"
    );
    state.take(answer("b"), 11);
    assert_eq!(
        state.detail.as_ref().unwrap().answer,
        Some(Ok(json!({"agent_id": "b"})))
    );
    state.take(Update::Detail("b".to_owned(), Err("away".to_owned())), 12);
    assert_eq!(
        state.detail.as_ref().unwrap().answer,
        Some(Ok(json!({"agent_id": "b"})))
    );
    press(&mut state, "jj");
    assert_eq!(state.detail.as_ref().unwrap().scroll, 2);
    assert_eq!(selected(&state), "b");
    assert_eq!(press(&mut state, "^"), Then::Ask(None));
    assert_eq!(state.detail, None);
    press(&mut state, "!");
    assert_eq!(press(&mut state, "!"), Then::Ask(None));
}

#[test]
fn sorts_follow_each_other_and_help_is_left_by_any_key() {
    let mut state = three();
    press(&mut state, "sr");
    assert_eq!((state.sort, state.reversed), (Sort::Name, true));
    press(&mut state, "s");
    assert_eq!((state.sort, state.reversed), (Sort::Type, false));
    press(&mut state, "sssss");
    assert_eq!(state.sort, Sort::Elapsed);
    press(&mut state, "?");
    assert!(state.help);
    assert_eq!(press(&mut state, "q"), Then::Nothing);
    assert!(!state.help);
}

#[test]
fn the_program_is_left_by_three_keys_and_by_the_system() {
    let control_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    for keys in ["", "/ab", "?", "!"] {
        let mut state = three();
        press(&mut state, keys);
        assert_eq!(state.key(control_c), Then::Quit, "{keys}");
    }
    assert_eq!(press(&mut three(), "q"), Then::Quit);
    assert_eq!(press(&mut three(), "!q"), Then::Quit);
    assert_eq!(press(&mut three(), "^"), Then::Quit);
    assert_eq!(three().take(Update::Leave, 11), Then::Quit);
}

#[test]
fn the_last_picture_stays_while_the_daemon_is_away() {
    let mut state = three();
    state.take(Update::Away("no \u{1b}daemon".to_owned()), 11);
    assert_eq!(state.away.as_deref(), Some("no daemon"));
    assert_eq!(state.rows().len(), 3);
    state.take(snapshot(Vec::new()), 12);
    assert_eq!(state.away, None);
}
