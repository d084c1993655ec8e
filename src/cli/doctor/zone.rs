//! Whose days are counted: a folder keeps its zone when the system moves.

use jiff::tz::TimeZone;

use super::finding::Finding;
use agentpulse_config::{Config, ZoneSetting};
use agentpulse_contract::data_folder;
use agentpulse_core::zone::Zone;
use agentpulse_store::history::{Reader, Recorded};

const SUBJECT: &str = "days";

/// Returns `None` where nothing is counted yet; a history that cannot be read has a finding of its
/// own.
pub fn finding(config: &Config) -> Option<Finding> {
    let reader = Reader::open(&config.data.dir.join(data_folder::HISTORY)).ok()?;
    let recorded = reader.recorded_zone().ok()??;
    let system = Zone::of(TimeZone::system());
    Some(evaluate(&recorded, &config.time.zone, system.as_ref()))
}

fn evaluate(recorded: &Recorded, setting: &ZoneSetting, system: Option<&Zone>) -> Finding {
    let zone = &recorded.calendar.zone;
    let state = format!("days are those of {}", zone.name());
    if let ZoneSetting::Named(named) = setting
        && named != zone
    {
        let state = format!("{state}, and time.zone is {}", named.name());
        return Finding::hint(SUBJECT, state, "restart the daemon");
    }
    match system {
        Some(system) if recorded.is_local && system != zone => {
            let state = format!("{state}; the system is in {}", system.name());
            let fix = format!("set time.zone = \"{}\" to count by its days", system.name());
            Finding::hint(SUBJECT, state, fix)
        }
        _ => Finding::right(SUBJECT, state),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agentpulse_core::zone::Calendar;

    fn zone(name: &str) -> Zone {
        Zone::of(TimeZone::get(name).unwrap()).unwrap()
    }

    #[test]
    fn a_system_that_has_moved_is_shown_with_what_to_set() {
        let recorded = |is_local| Recorded {
            calendar: Calendar {
                zone: zone("Europe/Berlin"),
                since: None,
            },
            is_local,
        };
        let (unset, tokyo) = (ZoneSetting::Unset, zone("Asia/Tokyo"));
        let fix = |recorded, setting| evaluate(&recorded, setting, Some(&tokyo)).fix;
        let named = "set time.zone = \"Asia/Tokyo\" to count by its days";
        assert_eq!(fix(recorded(true), &unset).as_deref(), Some(named));
        assert_eq!(fix(recorded(false), &unset), None);
        let berlin = zone("Europe/Berlin");
        assert_eq!(evaluate(&recorded(true), &unset, Some(&berlin)).fix, None);
        assert_eq!(evaluate(&recorded(true), &unset, None).fix, None);
        let setting = ZoneSetting::Named(tokyo.clone());
        let restart = Some("restart the daemon");
        assert_eq!(fix(recorded(false), &setting).as_deref(), restart);
    }
}
