//! The connection to Redis: the configured server, or a private one.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use tokio::time::{Instant, sleep};
use tracing::info;

use super::failure::Failure;
use super::stores::Stores;
use agentpulse_config::Config;
use agentpulse_contract::exit;
use agentpulse_core::names::Names;
use agentpulse_core::redis_url::RedisUrl;
use agentpulse_live::private_server::{self, RedisChild};
use agentpulse_live::{Live, LiveConfig};

/// For the first answer of Redis.
const REDIS_DEADLINE: Duration = Duration::from_secs(10);
const ASK_AGAIN: Duration = Duration::from_millis(20);
const REDIS_STOP_DEADLINE: Duration = Duration::from_secs(10);

/// The version of a server that does not let this user read it.
const UNKNOWN: &str = "unknown";

/// A connected Redis with its facts.
pub struct Redis {
    pub child: Option<RedisChild>,
    pub live: Live,
    pub url: RedisUrl,
    pub version: String,
}

impl Redis {
    /// A new client may not be connected yet, and a server that was just started may be loading.
    /// Returns its version.
    async fn wait_until_fit(&self) -> Result<String, Failure> {
        let deadline = Instant::now() + REDIS_DEADLINE;
        loop {
            match self.live.check().await {
                Ok(facts) => return Ok(facts.map_or(UNKNOWN.to_owned(), |facts| facts.version)),
                Err(error)
                    if (error.is_away() || error.is_loading()) && Instant::now() < deadline =>
                {
                    sleep(ASK_AGAIN).await;
                }
                Err(error) => return Err(no_redis(error)),
            }
        }
    }

    pub async fn stop(self) {
        drop(self.live);
        if let Some(child) = self.child {
            child.stop(REDIS_STOP_DEADLINE).await;
        }
    }
}

/// Connects, unless the numbers in it are another daemon's.
pub async fn connect_checked(config: &Config, stores: &Stores) -> Result<Redis, Failure> {
    let redis = connect(config, &stores.names).await?;
    let found = match redis.live.cursor().await {
        // Nobody else writes to a private server.
        Ok(None) if redis.child.is_none() => redis.live.any_key().await.map(|key| (None, key)),
        cursor => cursor.map(|cursor| (cursor, None)),
    };
    let ours = match found {
        Ok((cursor, key)) => stores.cursor_is_ours(cursor.as_deref(), key.as_deref()),
        Err(error) => Err(error.to_string()),
    };
    if let Err(reason) = ours {
        redis.stop().await;
        return Err(Failure::new(exit::NO_REDIS, reason));
    }
    Ok(redis)
}

pub async fn connect(config: &Config, names: &Arc<RwLock<Names>>) -> Result<Redis, Failure> {
    let (redis, url) = match &config.redis.url {
        Some(url) => (None, url.clone()),
        None => {
            let redis = RedisChild::start(&private_settings(config))
                .await
                .map_err(no_child)?;
            let url = redis.url();
            (Some(redis), url)
        }
    };
    let place = LiveConfig {
        url: url.clone(),
        prefix: config.redis.prefix.clone(),
    };
    let live = match Live::connect(&place, names.clone()).await {
        Ok(live) => live,
        Err(error) => {
            if let Some(child) = redis {
                child.stop(REDIS_STOP_DEADLINE).await;
            }
            return Err(no_redis(error));
        }
    };
    let mut redis = Redis {
        child: redis,
        live,
        url,
        version: String::new(),
    };
    match redis.wait_until_fit().await {
        Ok(version) => redis.version = version,
        Err(failure) => {
            redis.stop().await;
            return Err(failure);
        }
    }
    info!(
        version = redis.version,
        private = redis.child.is_some(),
        "connected to Redis"
    );
    Ok(redis)
}

fn private_settings(config: &Config) -> private_server::Settings {
    private_server::Settings {
        dir: config.data.dir.clone(),
        server: config.redis.server.clone(),
        maxmemory: config.redis.maxmemory,
        template: include_str!("../../../../config/redis.conf").to_owned(),
    }
}

fn no_child(error: private_server::Error) -> Failure {
    let code = match error.is_of_file() {
        true => exit::CANNOT_CREATE,
        false => exit::NO_REDIS,
    };
    Failure::new(code, error.to_string())
}

fn no_redis(error: agentpulse_live::Error) -> Failure {
    Failure::new(exit::NO_REDIS, error.to_string())
}
