//! Whose days an answer is of.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::source::Sources;
use agentpulse_core::zone::Calendar;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Zoned {
    /// The day that is not over.
    #[schemars(extend("format" = "date"))]
    pub today: String,
    /// The zone of the days, by its name in the tz database, or UTC.
    pub time_zone: String,
    /// The first day that is whole in this zone; null if all are. What ended before was deleted
    /// when the zone was changed, and is still in the days of the zone before.
    #[schemars(extend("format" = "date"))]
    pub time_zone_since: Option<String>,
}

impl Sources {
    pub(super) fn zoned(&self, now_ms: i64) -> Zoned {
        Zoned::of(self.calendar(), now_ms)
    }
}

impl Zoned {
    fn of(calendar: &Calendar, now_ms: i64) -> Zoned {
        Zoned {
            today: calendar.zone.day_of(now_ms).to_string(),
            time_zone: calendar.zone.name().to_owned(),
            time_zone_since: calendar.since.map(|day| day.to_string()),
        }
    }
}

#[cfg(test)]
impl Zoned {
    /// As of 1970-01-01.
    pub(crate) fn utc() -> Zoned {
        let zone = agentpulse_core::zone::Zone::utc();
        Zoned::of(&Calendar { zone, since: None }, 0)
    }
}
