//! Whose days a data folder counts by: as its settings say, as it has begun, or, of a new one, as
//! the system is set. A change moves what is counted before anything reads it.

use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use tracing::{info, warn};

use super::failure::Failure;
use agentpulse_config::ZoneSetting;
use agentpulse_core::bucket::Day;
use agentpulse_core::zone::Zone;
use agentpulse_failpoint::failpoint;
use agentpulse_store::history::{History, Recorded};
use agentpulse_store::journal::Journal;

const REPORT_EVERY: Duration = Duration::from_secs(2);

/// What a folder is to count by.
#[derive(Debug, PartialEq)]
struct Choice {
    zone: Zone,
    /// It is that of the system, and not named.
    is_local: bool,
}

/// Brings the history to the zone that is chosen. Names are tracked by days: those of the old
/// zone's days are forgotten first, so that a start that is killed tracks them again.
pub fn settle(
    setting: &ZoneSetting,
    journal: &mut Journal,
    history: &mut History,
) -> Result<(), Failure> {
    let recorded = history.recorded_zone()?;
    let system = Zone::of(TimeZone::system());
    let has_begun = journal.last_seq() > 0;
    let chosen = choose(setting, recorded.as_ref(), system.as_ref(), has_begun);
    let before = history.zone().clone();
    let is_as_before = recorded.is_some_and(|recorded| {
        recorded.calendar.zone == chosen.zone && recorded.is_local == chosen.is_local
    });
    if is_as_before {
        return Ok(());
    }
    if before == chosen.zone {
        history.set_zone(&chosen.zone, chosen.is_local, |_, _| ())?;
        return Ok(());
    }
    let zone = chosen.zone.name();
    if has_begun {
        info!(
            zone,
            before = before.name(),
            "the days become those of another time zone"
        );
    }
    journal.forget_tracked_names(Day(i32::MAX))?;
    failpoint("zone.forgotten");
    let mut reported = Instant::now();
    let calendar = history.set_zone(&chosen.zone, chosen.is_local, |done, total| {
        if reported.elapsed() >= REPORT_EVERY {
            reported = Instant::now();
            info!(
                done,
                total, "executions are moved to the days of the new time zone"
            );
        }
    })?;
    failpoint("zone.settled");
    let since = calendar.since.map(|day| day.to_string());
    info!(zone, since, "the days are those of this time zone");
    Ok(())
}

/// A folder keeps the zone that it has begun with until a setting names another one, wherever the
/// system moves: a traveller's days would else be counted again at each stop, and what was shown
/// for a day would change.
fn choose(
    setting: &ZoneSetting,
    recorded: Option<&Recorded>,
    system: Option<&Zone>,
    has_begun: bool,
) -> Choice {
    let local = || {
        if system.is_none() {
            warn!("the system's time zone has no name: days are those of UTC; see time.zone");
        }
        Choice {
            zone: system.cloned().unwrap_or_else(Zone::utc),
            is_local: true,
        }
    };
    let kept = |recorded: &Recorded| Choice {
        zone: recorded.calendar.zone.clone(),
        is_local: recorded.is_local,
    };
    let named = |zone: &Zone| Choice {
        zone: zone.clone(),
        is_local: false,
    };
    match (setting, recorded) {
        (ZoneSetting::Named(zone), _) => named(zone),
        (ZoneSetting::Local, Some(recorded)) if !recorded.is_local => local(),
        (_, Some(recorded)) => {
            let zone = recorded.calendar.zone.name();
            if recorded.is_local && system.is_some_and(|system| system.name() != zone) {
                let system = system.map(Zone::name);
                warn!(
                    zone,
                    system,
                    "the system is in another time zone than the days: time.zone can name it"
                );
            }
            kept(recorded)
        }
        // A history that was lost begins again with the days of its journal.
        (ZoneSetting::Unset, None) if has_begun => named(&Zone::utc()),
        (_, None) => local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agentpulse_core::zone::Calendar;

    fn zone(name: &str) -> Zone {
        Zone::of(TimeZone::get(name).unwrap()).unwrap()
    }

    fn recorded(name: &str, is_local: bool) -> Recorded {
        let calendar = Calendar {
            zone: zone(name),
            since: None,
        };
        Recorded { calendar, is_local }
    }

    fn chosen(setting: &ZoneSetting, recorded: Option<Recorded>, begun: bool) -> (String, bool) {
        let system = zone("Asia/Kolkata");
        let choice = choose(setting, recorded.as_ref(), Some(&system), begun);
        (choice.zone.name().to_owned(), choice.is_local)
    }

    #[test]
    fn a_folder_keeps_its_zone_until_a_setting_names_another() {
        let (unset, local) = (ZoneSetting::Unset, ZoneSetting::Local);
        let berlin = ZoneSetting::Named(zone("Europe/Berlin"));
        let is = |name: &str, is_local| (name.to_owned(), is_local);
        // New folders, and one whose history was lost.
        assert_eq!(chosen(&unset, None, false), is("Asia/Kolkata", true));
        assert_eq!(chosen(&local, None, false), is("Asia/Kolkata", true));
        assert_eq!(chosen(&berlin, None, false), is("Europe/Berlin", false));
        assert_eq!(chosen(&unset, None, true), is("UTC", false));
        // One of an older version, or with a zone that was named.
        let utc = || Some(recorded("UTC", false));
        assert_eq!(chosen(&unset, utc(), true), is("UTC", false));
        assert_eq!(chosen(&local, utc(), true), is("Asia/Kolkata", true));
        assert_eq!(chosen(&berlin, utc(), true), is("Europe/Berlin", false));
        // The system has moved.
        let moved = || Some(recorded("America/New_York", true));
        assert_eq!(chosen(&unset, moved(), true), is("America/New_York", true));
        assert_eq!(chosen(&local, moved(), true), is("America/New_York", true));
        let there = ZoneSetting::Named(zone("Asia/Kolkata"));
        assert_eq!(chosen(&there, moved(), true), is("Asia/Kolkata", false));
    }

    #[test]
    fn without_a_name_the_days_are_those_of_utc() {
        let choice = choose(&ZoneSetting::Local, None, None, false);
        assert_eq!((choice.zone, choice.is_local), (Zone::utc(), true));
    }
}
