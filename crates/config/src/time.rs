//! Whose days are counted.

use jiff::tz::TimeZone;

use super::error::ConfigError;
use super::resolve::Resolver;
use agentpulse_core::zone::Zone;

/// The word for the zone of the system.
const LOCAL: &str = "local";

#[derive(Clone, Debug, PartialEq)]
pub struct Time {
    pub zone: ZoneSetting,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ZoneSetting {
    /// The zone that the data folder has; of a new one, that of the system.
    Unset,
    /// That of the system.
    Local,
    Named(Zone),
}

impl Time {
    pub(super) fn read(r: &mut Resolver) -> Result<Time, ConfigError> {
        let zone = r.text(
            "time.zone",
            ZoneSetting::Unset,
            "empty, local, UTC, or a zone by its name in the tz database, such as Europe/Berlin",
            parse,
            show,
        )?;
        Ok(Time { zone })
    }
}

fn parse(text: &str) -> Option<ZoneSetting> {
    match text {
        "" => Some(ZoneSetting::Unset),
        LOCAL => Some(ZoneSetting::Local),
        name => Zone::of(TimeZone::get(name).ok()?).map(ZoneSetting::Named),
    }
}

fn show(zone: &ZoneSetting) -> String {
    match zone {
        ZoneSetting::Unset => String::new(),
        ZoneSetting::Local => LOCAL.to_owned(),
        ZoneSetting::Named(zone) => zone.name().to_owned(),
    }
}
