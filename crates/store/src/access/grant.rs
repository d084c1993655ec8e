//! Keys in memory, and what a verified one grants.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use tokio::sync::watch;

use super::audit::Actor;
use super::key::{Digest, Key, Scope};

/// A key in memory.
pub(super) struct ActiveKey {
    pub(super) key: Key,
    pub(super) digest: Digest,
    pub(super) used_ms: AtomicI64,
    pub(super) written_ms: AtomicI64,
    pub(super) revoked: watch::Sender<bool>,
}

/// The right to what a key opens, as long as the key is good.
#[derive(Clone)]
pub struct Grant(pub(super) Arc<ActiveKey>);

impl Grant {
    pub fn id(&self) -> &str {
        &self.0.key.id
    }

    pub fn name(&self) -> &str {
        &self.0.key.name
    }

    pub fn opens(&self, scope: Scope) -> bool {
        self.0.key.scopes.open(scope)
    }

    pub fn actor(&self, origin: String) -> Actor {
        Actor {
            who: format!("key {} ({})", self.0.key.id, self.0.key.name),
            origin,
        }
    }

    pub(super) fn is_good(&self, now_ms: i64) -> bool {
        !*self.0.revoked.borrow() && !self.0.key.is_expired(now_ms)
    }

    /// Waits until the key is revoked or expires, as a connection that outlives its request must.
    pub async fn ended(&self, now_ms: i64) {
        let mut revoked = self.0.revoked.subscribe();
        let revoked = async {
            // The sender is part of this grant.
            let _ = revoked.wait_for(|revoked| *revoked).await;
        };
        match self.0.key.expires_ms {
            None => revoked.await,
            Some(expires_ms) => {
                let left_ms = u64::try_from(expires_ms - now_ms).unwrap_or(0);
                let _ = tokio::time::timeout(Duration::from_millis(left_ms), revoked).await;
            }
        }
    }
}

pub(super) fn held(key: Key, digest: Digest) -> Arc<ActiveKey> {
    let used_ms = key.last_used_ms.unwrap_or(0);
    Arc::new(ActiveKey {
        key,
        digest,
        used_ms: AtomicI64::new(used_ms),
        written_ms: AtomicI64::new(used_ms),
        revoked: watch::Sender::new(false),
    })
}
