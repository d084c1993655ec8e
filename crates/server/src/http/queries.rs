//! From the path and the parameters of a URL to a report. The own parameter of a report wins over
//! the dashboard's `timeRange`.

use std::ops::RangeInclusive;

use serde_json::json;

use super::error::HttpError;
use super::params::{Params, whole_days};
use agentpulse_core::execution::Status;
use agentpulse_reports::Query;
use agentpulse_reports::active::{self, MAX_LISTED};
use agentpulse_reports::costs::{self, CostsBy};
use agentpulse_reports::executions::{Page, PageEnd};

const LIMIT: RangeInclusive<usize> = 1..=500;
const DEFAULT_LIMIT: usize = 50;

impl Params {
    pub fn current(&self) -> Result<Query, HttpError> {
        let hours = self.time_range()?;
        Ok(Query::Current { hours })
    }

    pub fn timeline(&self) -> Result<Query, HttpError> {
        let hours = self.hours(24)?;
        Ok(Query::Timeline { hours })
    }

    pub fn types(&self) -> Result<Query, HttpError> {
        let hours = self.hours(24)?;
        Ok(Query::Types { hours })
    }

    pub fn performance(&self, agent_name: &str) -> Result<Query, HttpError> {
        Ok(Query::Performance {
            agent_name: self.path_name("agent_name", agent_name)?,
            days: self.days(7)?,
        })
    }

    pub fn tools(&self) -> Result<Query, HttpError> {
        let period = self.choice("period", &[("day", 1), ("week", 7), ("month", 30)])?;
        let range = self.time_range()?.map(whole_days);
        let last = self.day("date")?;
        // A date is a parameter of its own and wins over the window that ends now.
        let range = range.filter(|_| last.is_none());
        let days = period.or(range).unwrap_or(1);
        Ok(Query::Tools { last, days })
    }

    pub fn daily(&self) -> Result<Query, HttpError> {
        let days = self.days(7)?;
        Ok(Query::Daily { days })
    }

    pub fn active(&self) -> Result<Query, HttpError> {
        let limit = self.number("limit", 1..=MAX_LISTED, Some(MAX_LISTED))?;
        let cursor = || json!({"type": "string", "pattern": active::PageEnd::PATTERN});
        let parse = active::PageEnd::parse;
        Ok(Query::Active(active::Page {
            after: self.parsed("cursor", cursor, parse, "a next_cursor")?,
            limit: limit.unwrap_or(MAX_LISTED),
        }))
    }

    pub fn executions(&self) -> Result<Query, HttpError> {
        let statuses = [Status::Success, Status::Failure, Status::Timeout];
        let (since_ms, until_ms) = (self.time_ms("since")?, self.time_ms("until")?);
        let window = self.time_range()?;
        let limit = self.number("limit", LIMIT, Some(DEFAULT_LIMIT))?;
        let cursor = || json!({"type": "string", "pattern": PageEnd::PATTERN});
        Ok(Query::Executions(Page {
            agent_name: self.name("agent_name")?,
            agent_type: self.name("agent_type")?,
            status: self.choice("status", &statuses.map(|status| (status.as_str(), status)))?,
            session_id: self.name("session_id")?,
            model: self.name("model")?,
            since_ms,
            until_ms,
            hours: window.filter(|_| since_ms.is_none() && until_ms.is_none()),
            after: self.parsed("cursor", cursor, PageEnd::parse, "a next_cursor")?,
            limit: limit.unwrap_or(DEFAULT_LIMIT),
        }))
    }

    pub fn execution(&self, id: &str) -> Result<Query, HttpError> {
        let id = self.path_name("id", id)?;
        Ok(Query::Execution { id })
    }

    pub fn errors(&self, agent_name: &str) -> Result<Query, HttpError> {
        let agent_name = self.path_name("agent_name", agent_name)?;
        Ok(Query::Errors { agent_name })
    }

    pub fn costs(&self) -> Result<Query, HttpError> {
        let choices = [
            ("day", CostsBy::Day),
            ("agent", CostsBy::Agent),
            ("model", CostsBy::Model),
            ("session", CostsBy::Session),
        ];
        let (by, days) = (self.choice("by", &choices)?, self.days(30)?);
        let limit = self.number("limit", 1..=costs::MAX_ROWS, Some(costs::DEFAULT_ROWS))?;
        let by = by.unwrap_or(CostsBy::Day);
        Ok(Query::Costs {
            by,
            days,
            // Days are never cut.
            limit: match by {
                CostsBy::Day => 0,
                _ => limit.unwrap_or(costs::DEFAULT_ROWS),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::error::Code;
    use super::*;
    use agentpulse_core::bucket::Day;

    fn params(query: &str) -> Params {
        let uri = format!("/x?{query}").parse().unwrap();
        Params::of(&uri).unwrap()
    }

    fn refused<T: std::fmt::Debug>(result: Result<T, HttpError>, message: &str) {
        let error = result.unwrap_err();
        assert_eq!(
            (error.code, error.message.as_ref()),
            (Code::InvalidParameter, message)
        );
    }

    #[test]
    fn numbers_have_their_bounds_and_unknown_parameters_are_ignored() {
        let hours = |query: &str| params(query).timeline();
        assert_eq!(hours("").unwrap(), Query::Timeline { hours: 24 });
        assert_eq!(hours("hours=1&x=y").unwrap(), Query::Timeline { hours: 1 });
        assert_eq!(hours("hours=168").unwrap(), Query::Timeline { hours: 168 });
        for text in ["0", "169", "-1", "1.5", "x", "99999999999"] {
            refused(hours(&format!("hours={text}")), "hours must be 1..=168");
        }
        let days = |query| params(query).performance("a");
        assert!(days("days=90").is_ok());
        refused(days("days=91"), "days must be 1..=90");
        refused(params("days=0").daily(), "days must be 1..=90");
        refused(params("days=0").costs(), "days must be 1..=90");
        refused(params("limit=501").executions(), "limit must be 1..=500");
        refused(params("limit=0").executions(), "limit must be 1..=500");
    }

    #[test]
    fn a_time_range_is_a_window_and_the_own_parameter_wins() {
        let current = |query| params(query).current().unwrap();
        assert_eq!(current(""), Query::Current { hours: None });
        assert_eq!(current("timeRange=1h"), Query::Current { hours: Some(1) });
        assert_eq!(current("timeRange=7d"), Query::Current { hours: Some(168) });
        let expect = "timeRange must be one of 1h, 6h, 24h, 7d, 30d";
        refused(params("timeRange=2h").current(), expect);
        refused(params("timeRange=2h&hours=3").timeline(), expect);
        let timeline = |query| params(query).timeline().unwrap();
        assert_eq!(timeline("timeRange=6h"), Query::Timeline { hours: 6 });
        assert_eq!(
            timeline("timeRange=6h&hours=3"),
            Query::Timeline { hours: 3 }
        );
        assert_eq!(
            params("timeRange=7d").types().unwrap(),
            Query::Types { hours: 168 }
        );
        let days = |query| match params(query).performance("a").unwrap() {
            Query::Performance { days, .. } => days,
            other => panic!("{other:?}"),
        };
        assert_eq!(["", "timeRange=1h", "timeRange=24h"].map(days), [7, 1, 1]);
        assert_eq!(["timeRange=7d", "timeRange=1h&days=3"].map(days), [7, 3]);
    }

    #[test]
    fn a_period_of_tools() {
        let tools = |query| params(query).tools().unwrap();
        assert_eq!(
            tools(""),
            Query::Tools {
                last: None,
                days: 1
            }
        );
        assert_eq!(
            tools("period=week"),
            Query::Tools {
                last: None,
                days: 7
            }
        );
        assert_eq!(
            tools("period=month&timeRange=1h"),
            Query::Tools {
                last: None,
                days: 30
            }
        );
        assert_eq!(
            tools("timeRange=7d"),
            Query::Tools {
                last: None,
                days: 7
            }
        );
        let last = Some(Day(20_777));
        assert_eq!(tools("date=2026-11-20"), Query::Tools { last, days: 1 });
        assert_eq!(
            tools("date=2026-11-20&timeRange=7d"),
            Query::Tools { last, days: 1 }
        );
        assert_eq!(
            tools("date=2026-11-20&period=week"),
            Query::Tools { last, days: 7 }
        );
        refused(
            params("period=year").tools(),
            "period must be one of day, week, month",
        );
        refused(
            params("date=2026-11-31").tools(),
            "date must be a date like 2026-11-20",
        );
    }

    #[test]
    fn executions_are_filtered_and_paged() {
        let default = Page {
            limit: 50,
            ..Page::default()
        };
        assert_eq!(
            params("").executions().unwrap(),
            Query::Executions(default.clone())
        );
        let query = "agent_name=a%20b&agent_type=tester&status=timeout&session_id=s&model=m\
                     &since=2026-11-20&until=1795200000&cursor=5_6&limit=500";
        let page = Page {
            agent_name: Some("a b".to_owned()),
            agent_type: Some("tester".to_owned()),
            status: Some(Status::Timeout),
            session_id: Some("s".to_owned()),
            model: Some("m".to_owned()),
            since_ms: Some(20_777 * 86_400_000),
            until_ms: Some(1_795_200_000_000),
            hours: None,
            after: PageEnd::parse("5_6"),
            limit: 500,
        };
        assert_eq!(params(query).executions().unwrap(), Query::Executions(page));
        let since = params("since=1970-01-01T00:00:01.5%2B00:00&timeRange=1h").executions();
        let since_ms = Some(1_500);
        assert_eq!(
            since.unwrap(),
            Query::Executions(Page {
                since_ms,
                ..default.clone()
            })
        );
        let hours = Some(6);
        let window = params("timeRange=6h").executions().unwrap();
        assert_eq!(window, Query::Executions(Page { hours, ..default }));
        let expect = "status must be one of success, failure, timeout";
        refused(params("status=running").executions(), expect);
        refused(
            params("cursor=x").executions(),
            "cursor must be a next_cursor",
        );
        let expect = "until must be a date, an RFC 3339 time or a Unix number";
        refused(params("until=yesterday").executions(), expect);
    }

    #[test]
    fn what_runs_is_paged() {
        let page = |after, limit| Query::Active(active::Page { after, limit });
        let all = params("").active().unwrap();
        assert_eq!(all, page(None, MAX_LISTED));
        let part = params("limit=2&cursor=5_a%20%23b").active().unwrap();
        assert_eq!(part, page(active::PageEnd::parse("5_a #b"), 2));
        refused(params("limit=10001").active(), "limit must be 1..=10000");
        refused(params("cursor=5").active(), "cursor must be a next_cursor");
    }

    #[test]
    fn names_have_the_bounds_of_events() {
        let long = "x".repeat(257);
        refused(params("").errors(&long), "agent_name must be 1..=256 bytes");
        refused(params("").execution(""), "id must be 1..=256 bytes");
        assert!(params("").execution(&long[1..]).is_ok());
        refused(
            params("by=tool").costs(),
            "by must be one of day, agent, model, session",
        );
        let by = CostsBy::Model;
        let (days, limit) = (30, 100);
        let costs = |query| params(query).costs();
        assert_eq!(costs("by=model").unwrap(), Query::Costs { by, days, limit });
        let limit = 1_000;
        let most = costs("by=model&limit=1000").unwrap();
        assert_eq!(most, Query::Costs { by, days, limit });
        assert_eq!(costs("limit=5").unwrap(), costs("").unwrap());
        refused(costs("by=model&limit=1001"), "limit must be 1..=1000");
    }
}
