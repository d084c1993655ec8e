//! What the client of a session says itself that the session used, beside what was counted.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use agentpulse_core::item::Tokens;

/// Sessions whose clients are asked at once: each reads a file, which may lie on a slow disk.
const MAX_AT_ONCE: usize = 2;
const PATIENCE: Duration = Duration::from_secs(2);
/// Dollars. Each execution is rounded to a millionth, and of a session there are thousands at most.
pub const ROUNDED: f64 = 0.001;

/// What a client says of a session that has ended, all models together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Said {
    pub input_tokens: u64,
    pub output_tokens: u64,
    pub cache_read_tokens: u64,
    pub cache_write_tokens: u64,
    /// Dollars.
    pub cost: f64,
}

/// Finds what the client of a session says; it blocks.
pub type Ask = Arc<dyn Fn(&str) -> Option<Said> + Send + Sync>;

/// The clients of sessions.
#[derive(Clone)]
pub struct Clients {
    ask: Ask,
    room: Arc<Semaphore>,
}

/// What the client says, at its end, that the session used, and whether it was counted so.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClientCheck {
    pub input_tokens: u64,
    pub output_tokens: u64,
    pub cache_read_tokens: u64,
    pub cache_write_tokens: u64,
    /// Dollars.
    pub cost: f64,
    /// It is what was counted, to a thousandth of a dollar. The totals of a session that took over
    /// those of another, or was compacted, are not: `agentpulse verify` explains them.
    pub is_equal: bool,
}

impl Clients {
    pub fn new(ask: Ask) -> Clients {
        Clients {
            ask,
            room: Arc::new(Semaphore::new(MAX_AT_ONCE)),
        }
    }

    /// Returns `None` if the client says nothing, too many are asked, or its file takes too long.
    pub async fn check(&self, session_id: &str, counted: &Tokens) -> Option<ClientCheck> {
        let room = self.room.clone().try_acquire_owned().ok()?;
        let (ask, session_id) = (self.ask.clone(), session_id.to_owned());
        let asked = spawn_blocking(move || {
            // A file that takes longer than anybody waits still has its place.
            let _room = room;
            ask(&session_id)
        });
        let said = timeout(PATIENCE, asked).await.ok()?.ok()??;
        Some(said.beside(counted))
    }
}

impl Said {
    fn beside(self, counted: &Tokens) -> ClientCheck {
        let ours = [
            counted.input_tokens,
            counted.output_tokens,
            counted.cache_read_tokens,
            counted.cache_write_tokens,
        ];
        let theirs = [
            self.input_tokens,
            self.output_tokens,
            self.cache_read_tokens,
            self.cache_write_tokens,
        ];
        let cost = counted.estimated_cost.unwrap_or(0.0);
        ClientCheck {
            input_tokens: self.input_tokens,
            output_tokens: self.output_tokens,
            cache_read_tokens: self.cache_read_tokens,
            cache_write_tokens: self.cache_write_tokens,
            cost: self.cost,
            is_equal: ours == theirs && (cost - self.cost).abs() <= ROUNDED,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(input_tokens: u64, cost: f64) -> Said {
        Said {
            input_tokens,
            cost,
            ..Said::default()
        }
    }

    #[test]
    fn tokens_are_equal_exactly_and_costs_but_for_rounding() {
        let counted = Tokens {
            input_tokens: 7,
            estimated_cost: Some(0.25),
            ..Tokens::default()
        };
        let is_equal = |said: Said| said.beside(&counted).is_equal;
        assert!(is_equal(said(7, 0.250_9)));
        assert!(!is_equal(said(7, 0.252)));
        assert!(!is_equal(said(8, 0.25)));
    }

    #[tokio::test]
    async fn too_many_are_not_asked() {
        let clients = Clients::new(Arc::new(|_| Some(said(1, 0.0))));
        let counted = Tokens::default();
        assert!(clients.check("s", &counted).await.is_some());
        let _all = clients.room.try_acquire_many(MAX_AT_ONCE as u32).unwrap();
        assert_eq!(clients.check("s", &counted).await, None);
    }
}
