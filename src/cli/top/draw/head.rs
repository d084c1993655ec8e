//! How the daemon is, the sums of the day, what ended lately, and what is wrong.

use ratatui::style::Style;

use super::paint::Paint;
use crate::cli::text::{dollars, duration, percent, short, width};
use crate::cli::top::hour::{LastHour, MINUTES};
use crate::cli::top::snapshot::Snapshot;
use crate::cli::top::state::State;
use agentpulse_reports::current::Totals;

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// The rest is counted; the detail of alerts is elsewhere.
const MAX_ALERTS: usize = 3;

pub fn lines(state: &State, now_ms: i64, paint: Paint, max_width: usize) -> Vec<(String, Style)> {
    let (how, style) = how(state, paint);
    let mut lines = vec![(format!("agentpulse  {how}"), style)];
    let Some(snapshot) = &state.snapshot else {
        return lines;
    };
    let alerts = alerts(snapshot).into_iter().map(|(is_critical, text)| {
        let style = if is_critical {
            paint.bad()
        } else {
            paint.warning()
        };
        (text, style)
    });
    lines.extend(alerts);
    let sums = flowed(&sums(&snapshot.totals), max_width);
    lines.extend(sums.into_iter().map(|line| (line, paint.strong())));
    let rates = flowed(&rates(&state.hour, now_ms), max_width);
    lines.extend(rates.into_iter().map(|line| (line, paint.plain())));
    lines.extend(omitted(snapshot).map(|line| (line, paint.warning())));
    lines.push((sparkline(&state.hour, now_ms, max_width), paint.bars()));
    lines
}

fn how(state: &State, paint: Paint) -> (String, Style) {
    match (&state.away, &state.snapshot) {
        (Some(reason), _) => (format!("AWAY  {reason}; asking again"), paint.bad()),
        (None, None) => ("asking the daemon".to_owned(), paint.plain()),
        (None, Some(snapshot)) if snapshot.from_history => {
            let how = "from history: the live view is away, tools and progress are not known";
            (how.to_owned(), paint.warning())
        }
        (None, Some(_)) => ("live".to_owned(), paint.good()),
    }
}

pub fn sums(totals: &Totals) -> Vec<String> {
    let ended = totals.executions_today;
    let mut sums = vec![
        format!("running {}", totals.active_agents),
        format!("today {ended}"),
        format!("success {}", percent(totals.success_rate, ended)),
        format!("avg {}", duration(totals.avg_duration_ms)),
        format!("tokens {}", short(totals.tokens_used_today)),
        format!("cost {}", dollars(totals.estimated_cost_today)),
    ];
    if let Some(by_kind) = &totals.by_kind {
        let main = by_kind.main.estimated_cost;
        sums.push(format!("of it main {}", dollars(main)));
    }
    sums
}

pub fn rates(hour: &LastHour, now_ms: i64) -> Vec<String> {
    let ended = hour.last_minute(now_ms);
    let label = match hour.knows_last_minute(now_ms) {
        true => "last minute",
        false => "last minute, at least",
    };
    vec![
        label.to_owned(),
        format!("{} ended", ended.executions),
        format!("{} tokens", short(ended.tokens)),
        dollars(ended.cost),
    ]
}

/// The newest minute is on the right; an unknown one is blank.
pub fn sparkline(hour: &LastHour, now_ms: i64, max_width: usize) -> String {
    let minutes = hour.minutes(now_ms);
    let most = minutes.iter().flatten().max().copied().unwrap_or(0);
    let (before, after) = ("last hour    ", format!("  most {most} a minute"));
    let room = max_width.saturating_sub(width(before) + width(&after));
    let newest = &minutes[MINUTES - room.min(MINUTES)..];
    let bars: String = newest.iter().map(|minute| bar(*minute, most)).collect();
    format!("{before}{bars}{after}")
}

/// The lowest bar is for none, so that the least that there can be is seen.
fn bar(minute: Option<i64>, most: i64) -> char {
    match minute {
        None => ' ',
        Some(executions) => {
            let highest = BARS.len() as i64 - 1;
            let height = (executions * highest + most - 1).checked_div(most);
            BARS[height.unwrap_or(0).clamp(0, highest) as usize]
        }
    }
}

pub fn alerts(snapshot: &Snapshot) -> Vec<(bool, String)> {
    let all = &snapshot.alerts;
    let shown = all.iter().take(MAX_ALERTS);
    let mut lines: Vec<_> = shown
        .map(|alert| (alert.is_critical, format!("ALERT  {}", alert.text)))
        .collect();
    if all.len() > MAX_ALERTS {
        let more = all.len() - MAX_ALERTS;
        lines.push((false, format!("ALERT  and {more} more")));
    }
    lines
}

/// That more run than one answer of the daemon has room for.
pub fn omitted(snapshot: &Snapshot) -> Option<String> {
    let omitted = snapshot.omitted;
    (omitted > 0).then(|| format!("{omitted} more run and are not listed"))
}

/// As many on a line as have room, two blanks apart.
fn flowed(parts: &[String], max_width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for part in parts {
        match lines.last_mut() {
            Some(line) if width(line) + 2 + width(part) <= max_width => {
                line.push_str("  ");
                line.push_str(part);
            }
            _ => lines.push(part.clone()),
        }
    }
    lines
}
