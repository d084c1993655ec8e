//! The server of the live view, queried directly: whether it can serve, has free memory, persists
//! its data, and holds our numbers.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use serde_json::Value;
use tokio::time::timeout;

use super::finding::Finding;
use agentpulse_config::Config;
use agentpulse_contract::data_folder::JOURNAL;
use agentpulse_core::bucket::Day;
use agentpulse_core::names::{NameLimits, Names};
use agentpulse_core::redis_url::RedisUrl;
use agentpulse_core::zone::Zone;
use agentpulse_live::private_server;
use agentpulse_live::{Facts, Live, LiveConfig};
use agentpulse_server::daemon::{FOREIGN_FIX, cursor_is_ours};
use agentpulse_store::journal::Tail;

const SUBJECT: &str = "redis";
/// It answers in a millisecond, or it is unreachable.
const DEADLINE: Duration = Duration::from_secs(5);
const FULL_PERCENT: u64 = 80;

/// `running`: the status of the daemon, if it runs. Without one there is no private server to ask.
pub async fn findings(config: &Config, running: Option<&Value>) -> Vec<Finding> {
    let own = config.redis.url.clone();
    let url = match (own, running) {
        (Some(url), _) => url,
        (None, Some(status)) if status["redis"]["private"] == true => {
            private_server::url(&config.data.dir)
        }
        _ => return Vec::new(),
    };
    let is_private = config.redis.url.is_none();
    match timeout(DEADLINE, ask(config, url)).await {
        Ok(Ok((facts, cursor, key))) => {
            let mut findings = match facts {
                Some(facts) => facts_of(&facts, is_private),
                None => vec![without_info()],
            };
            // A running daemon has checked it, and follows it.
            findings.extend(match running {
                None => foreign(config, cursor.as_deref(), key.as_deref()),
                Some(status) => changed(status),
            });
            findings
        }
        Ok(Err(error)) if error.is_denied() => {
            let fix = "grant its user what docs/operations.md lists, or fix redis.url";
            vec![Finding::error(SUBJECT, error.to_string(), fix)]
        }
        Ok(Err(error)) if error.is_unfit() => {
            let fix = "fix its settings, and restart the daemon";
            vec![Finding::error(SUBJECT, error.to_string(), fix)]
        }
        Ok(Err(error)) => vec![unreachable(error.to_string())],
        Err(_) => vec![unreachable(format!(
            "no answer within {} s",
            DEADLINE.as_secs()
        ))],
    }
}

fn unreachable(state: String) -> Finding {
    Finding::error(
        SUBJECT,
        state,
        "start it, or fix redis.url; meanwhile reads come from history",
    )
}

/// Its facts, the cursor, and without a cursor one key of our names.
async fn ask(
    config: &Config,
    url: RedisUrl,
) -> Result<(Option<Facts>, Option<String>, Option<String>), agentpulse_live::Error> {
    let place = LiveConfig {
        url,
        prefix: config.redis.prefix.clone(),
    };
    // No key that depends on a name is read here.
    let limits = NameLimits {
        agents: 1,
        types: 1,
        tools: 1,
    };
    let names = Names::new(limits, Zone::utc(), Day(0));
    let live = Live::connect(&place, Arc::new(RwLock::new(names))).await?;
    let (facts, cursor) = (live.check().await?, live.cursor().await?);
    let key = match cursor {
        Some(_) => None,
        None => live.any_key().await?,
    };
    Ok((facts, cursor, key))
}

fn without_info() -> Finding {
    Finding::hint(
        SUBJECT,
        "it answers; its version, memory and memory policy are unknown, because its user may not \
         run INFO",
        "allow +info, or check yourself that it evicts nothing and has free memory",
    )
}

fn facts_of(facts: &Facts, is_private: bool) -> Vec<Finding> {
    let name = if facts.is_valkey { "Valkey" } else { "Redis" };
    let (used, max) = (facts.used_memory >> 20, facts.maxmemory >> 20);
    let version = &facts.version;
    let mut findings = Vec::new();
    if facts.maxmemory > 0 && facts.used_memory * 100 > facts.maxmemory * FULL_PERCENT {
        let fix = if is_private {
            "raise redis.maxmemory, and restart the daemon"
        } else {
            "raise its maxmemory"
        };
        findings.push(Finding::hint(
            SUBJECT,
            format!(
                "{name} {version} uses {used} of {max} MiB, and refuses writes when it is full"
            ),
            fix,
        ));
    } else {
        let of = match max {
            0 => "without a bound".to_owned(),
            max => format!("of {max} MiB"),
        };
        let state = format!("{name} {version} uses {used} MiB {of}, and evicts nothing");
        findings.push(Finding::right(SUBJECT, state));
    }
    if !facts.is_appending {
        let state = format!("{name} keeps no append-only file");
        let fix = "set `appendonly yes`, or the live view is rebuilt after each of its starts";
        findings.push(Finding::hint(SUBJECT, state, fix));
    }
    findings
}

/// What the daemon found since it started.
fn changed(status: &Value) -> Option<Finding> {
    let reason = status["live"]["last_difference"].as_str()?;
    Some(Finding::hint(
        SUBJECT,
        format!("it did not hold what the daemon wrote: {reason}"),
        "no other program may write to these keys, and it must evict nothing",
    ))
}

/// The check that a starting daemon makes.
fn foreign(config: &Config, cursor: Option<&str>, key: Option<&str>) -> Option<Finding> {
    let journal = config.data.dir.join(JOURNAL);
    let epochs = match journal.exists() {
        // Damage is reported elsewhere.
        true => Tail::open(&journal).and_then(|tail| tail.epochs()).ok()?,
        false => Vec::new(),
    };
    let reason = cursor_is_ours(cursor, key, &epochs).err()?;
    Some(Finding::error(SUBJECT, reason, FOREIGN_FIX))
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    fn facts(used_memory: u64, maxmemory: u64, is_appending: bool) -> Facts {
        Facts {
            version: "7.2.4".to_owned(),
            is_valkey: false,
            maxmemory,
            maxmemory_policy: "noeviction".to_owned(),
            used_memory,
            run_id: "r".to_owned(),
            evicted_keys: 0,
            is_appending,
        }
    }

    #[test]
    fn a_full_server_and_one_that_forgets_are_hints() {
        let found = |facts: &Facts| {
            let found = facts_of(facts, true).into_iter();
            found
                .map(|finding| (finding.level, finding.state))
                .collect::<Vec<_>>()
        };
        let state = "Redis 7.2.4 uses 80 MiB of 100 MiB, and evicts nothing";
        let well = facts(80 << 20, 100 << 20, true);
        assert_eq!(found(&well), [(Level::Ok, state.to_owned())]);
        let full = facts((80 << 20) + 1, 100 << 20, true);
        assert_eq!(found(&full)[0].0, Level::Hint);
        let unbound = found(&facts(80 << 20, 0, false));
        assert_eq!(
            unbound[0].1,
            "Redis 7.2.4 uses 80 MiB without a bound, and evicts nothing"
        );
        assert_eq!(
            unbound[1],
            (Level::Hint, "Redis keeps no append-only file".to_owned())
        );
    }
}
