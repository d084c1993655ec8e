//! The state of the screen, and what a key does to it.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use serde_json::Value;

use super::hour::LastHour;
use super::order::{Row, Sort, rows};
use super::snapshot::Snapshot;
use crate::cli::text::clean;

/// A page of keys moves so far, whatever the height of the terminal.
const PAGE: usize = 10;
/// Longer than any name that is filtered for.
const MAX_FILTER_CHARS: usize = 64;

#[derive(Debug, Default)]
pub struct State {
    /// None before the first answer.
    pub snapshot: Option<Snapshot>,
    pub hour: LastHour,
    /// Why the daemon does not answer; the snapshot is the last one.
    pub away: Option<String>,
    pub sort: Sort,
    pub reversed: bool,
    pub filter: String,
    /// The filter is being typed.
    pub typing: bool,
    pub help: bool,
    pub detail: Option<Detail>,
    selected: Selected,
}

/// One execution in full.
#[derive(Debug, PartialEq)]
pub struct Detail {
    pub id: String,
    /// The first line that is shown.
    pub scroll: usize,
    /// None until it is answered; then the answer, or why there is none.
    pub answer: Option<Result<Value, String>>,
}

/// It stays with its execution as rows come and go, and with its place when that has ended.
#[derive(Debug, Default)]
struct Selected {
    at: usize,
    id: Option<String>,
}

/// What to do after a key.
#[derive(Debug, PartialEq)]
pub enum Then {
    Nothing,
    Quit,
    /// Ask for the execution of this id, or for none.
    Ask(Option<String>),
}

/// News from the thread that polls the daemon.
#[derive(Debug)]
pub enum Update {
    /// What ended before it is asked for the sums of the day.
    Begun(LastHour),
    Snapshot(Snapshot),
    Detail(String, Result<Value, String>),
    Away(String),
    /// The system wants the program to end.
    Leave,
}

impl State {
    pub fn rows(&self) -> Vec<Row<'_>> {
        let running = self.snapshot.as_ref().map(|snapshot| &snapshot.running[..]);
        rows(
            running.unwrap_or_default(),
            &self.filter,
            self.sort,
            self.reversed,
        )
    }

    /// The row that is selected; 0 where there is none.
    pub fn selected(&self) -> usize {
        self.selected.at
    }

    pub fn take(&mut self, update: Update, now_ms: i64) -> Then {
        match update {
            Update::Begun(hour) => self.hour = hour,
            Update::Snapshot(snapshot) => {
                self.hour.take(&snapshot.totals, now_ms);
                self.snapshot = Some(snapshot);
                self.away = None;
                self.find_selected();
            }
            Update::Detail(id, answer) => {
                let detail = self.detail.as_mut().filter(|detail| detail.id == id);
                if let Some(detail) = detail {
                    detail.take(answer);
                }
            }
            Update::Away(reason) => self.away = Some(clean(&reason)),
            Update::Leave => return Then::Quit,
        }
        Then::Nothing
    }

    pub fn key(&mut self, key: KeyEvent) -> Then {
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return match key.code {
                KeyCode::Char('c') => Then::Quit,
                _ => Then::Nothing,
            };
        }
        if self.typing {
            self.type_filter(key.code);
            return Then::Nothing;
        }
        if self.help {
            self.help = false;
            return Then::Nothing;
        }
        match key.code {
            KeyCode::Char('q') => return Then::Quit,
            KeyCode::Char('?') => self.help = true,
            KeyCode::Esc => return self.leave(),
            code if self.detail.is_some() => return self.key_in_detail(code),
            KeyCode::Enter => return self.open(),
            KeyCode::Char('/') => self.typing = true,
            KeyCode::Char('s') => self.sort_by(self.sort.next(), false),
            KeyCode::Char('r') => self.sort_by(self.sort, !self.reversed),
            code => {
                let last = self.rows().len().saturating_sub(1);
                self.select(moved(self.selected.at, code).min(last));
            }
        }
        Then::Nothing
    }

    fn type_filter(&mut self, code: KeyCode) {
        match code {
            KeyCode::Enter => self.typing = false,
            KeyCode::Esc => {
                self.typing = false;
                self.filter.clear();
            }
            KeyCode::Backspace => {
                self.filter.pop();
            }
            KeyCode::Char(letter) if self.filter.chars().count() < MAX_FILTER_CHARS => {
                self.filter.push(letter);
            }
            _ => {}
        }
        self.find_selected();
    }

    /// Out of the detail, out of the filter, out of the program.
    fn leave(&mut self) -> Then {
        if self.detail.take().is_some() {
            return Then::Ask(None);
        }
        if self.filter.is_empty() {
            return Then::Quit;
        }
        self.filter.clear();
        self.find_selected();
        Then::Nothing
    }

    fn key_in_detail(&mut self, code: KeyCode) -> Then {
        let Some(detail) = &mut self.detail else {
            return Then::Nothing;
        };
        if code == KeyCode::Enter {
            self.detail = None;
            return Then::Ask(None);
        }
        // The last line is known when it is drawn.
        detail.scroll = moved(detail.scroll, code);
        Then::Nothing
    }

    fn open(&mut self) -> Then {
        let Some(id) = self.selected.id.clone() else {
            return Then::Nothing;
        };
        self.detail = Some(Detail {
            id: id.clone(),
            scroll: 0,
            answer: None,
        });
        Then::Ask(Some(id))
    }

    fn sort_by(&mut self, sort: Sort, reversed: bool) {
        (self.sort, self.reversed) = (sort, reversed);
        self.find_selected();
    }

    fn select(&mut self, at: usize) {
        let id = self.rows().get(at).map(|row| row.running.id.clone());
        self.selected = Selected { at, id };
    }

    fn find_selected(&mut self) {
        let rows = self.rows();
        let id = self.selected.id.as_deref();
        let found = rows
            .iter()
            .position(|row| Some(row.running.id.as_str()) == id);
        let last = rows.len().saturating_sub(1);
        self.select(found.unwrap_or(self.selected.at.min(last)));
    }
}

impl Detail {
    /// What was known stays, where there is no answer: what has just ended is in the history a
    /// moment later.
    fn take(&mut self, answer: Result<Value, String>) {
        if answer.is_ok() || !matches!(self.answer, Some(Ok(_))) {
            self.answer = Some(answer.map_err(|reason| clean(&reason)));
        }
    }
}

fn moved(at: usize, code: KeyCode) -> usize {
    match code {
        KeyCode::Up | KeyCode::Char('k') => at.saturating_sub(1),
        KeyCode::Down | KeyCode::Char('j') => at.saturating_add(1),
        KeyCode::PageUp => at.saturating_sub(PAGE),
        KeyCode::PageDown => at.saturating_add(PAGE),
        KeyCode::Home | KeyCode::Char('g') => 0,
        KeyCode::End | KeyCode::Char('G') => usize::MAX,
        _ => at,
    }
}

#[cfg(test)]
pub mod tests;
