//! Access control: which requests are let through, who may change that, and what is written of it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;

use super::audit::{Action, Actor, Entry, Refusals, Row};
use super::error::Error;
use super::grant::{ActiveKey, Grant, held};
use super::key::{Digest, Key, MAX_KEYS, NewKey, is_name};
use super::random::{new_id, new_secret, new_ticket};
use super::store::Store;
use super::tickets::Tickets;
use crate::sqlite;

/// When a key was used is known to the minute.
const USED_EVERY_MS: i64 = 60_000;
const PRUNE_EVERY_MS: i64 = 3_600_000;

pub struct Access {
    store: Mutex<Store>,
    held: RwLock<Vec<Arc<ActiveKey>>>,
    /// Whether there is any key.
    keyed: watch::Sender<bool>,
    tickets: Mutex<Tickets>,
    refusals: Mutex<Refusals>,
    pruned_ms: AtomicI64,
}

impl Access {
    /// Creates the file if there is none.
    pub fn open(path: &Path) -> Result<Access, sqlite::Error> {
        Access::of(Store::open(path)?)
    }

    /// Creates nothing; writes fail.
    pub fn open_to_read(path: &Path) -> Result<Access, sqlite::Error> {
        Access::of(Store::open_to_read(path)?)
    }

    fn of(store: Store) -> Result<Access, sqlite::Error> {
        let keys = store.keys()?;
        let held = keys.into_iter().map(|(key, digest)| held(key, digest));
        let held: Vec<_> = held.collect();
        Ok(Access {
            keyed: watch::Sender::new(!held.is_empty()),
            held: RwLock::new(held),
            store: Mutex::new(store),
            tickets: Mutex::default(),
            refusals: Mutex::default(),
            pruned_ms: AtomicI64::new(i64::MIN),
        })
    }

    /// Whether there is any key. One that has expired counts: access must not open by itself.
    pub fn has_keys(&self) -> bool {
        !self.held.read().is_empty()
    }

    /// Waits until there is a key.
    pub async fn keyed(&self) {
        let mut keyed = self.keyed.subscribe();
        // The sender lives as long as this.
        let _ = keyed.wait_for(|keyed| *keyed).await;
    }

    /// The grant of the key with this text. All keys are compared, also after a match.
    pub fn verify(&self, text: &str, now_ms: i64) -> Option<Grant> {
        let digest = Digest::of(text);
        let mut found = None;
        for held in self.held.read().iter() {
            if held.digest.equals(&digest) {
                found = Some(Grant(held.clone()));
            }
        }
        let grant = found.filter(|grant| grant.is_good(now_ms))?;
        grant.0.used_ms.fetch_max(now_ms, Ordering::Relaxed);
        Some(grant)
    }

    /// A ticket that stands for the key for [`TICKET_LIFE`](super::TICKET_LIFE), once.
    pub fn ticket(&self, grant: Grant, now: Instant) -> Result<String, Error> {
        let ticket = new_ticket()?;
        self.tickets.lock().put(&ticket, grant, now)?;
        Ok(ticket)
    }

    pub fn redeem(&self, ticket: &str, now: Instant, now_ms: i64) -> Option<Grant> {
        let grant = self.tickets.lock().take(ticket, now)?;
        grant.is_good(now_ms).then_some(grant)
    }

    /// Creates a key; its text is in the answer and nowhere else. Blocks for a write to the disk.
    pub fn create(&self, new: NewKey, actor: Actor, now_ms: i64) -> Result<(String, Key), Error> {
        if !is_name(&new.name) {
            return Err(Error::Name);
        }
        // Locked to the end, so that a name is not given twice.
        let mut store = self.store.lock();
        if self.held.read().len() >= MAX_KEYS {
            return Err(Error::TooManyKeys);
        }
        if self
            .held
            .read()
            .iter()
            .any(|held| held.key.name == new.name)
        {
            return Err(Error::NameTaken(new.name));
        }
        let text = new_secret()?;
        let key = Key {
            id: new_id()?,
            name: new.name,
            scopes: new.scopes,
            created_ms: now_ms,
            last_used_ms: None,
            expires_ms: new.expires_ms,
        };
        let digest = Digest::of(&text);
        let entry = Entry::of(Action::KeyCreated, actor, Ok(Some(described(&key))), now_ms);
        store.insert_key(&key, &digest, &entry)?;
        self.held.write().push(held(key.clone(), digest));
        self.keyed.send_replace(true);
        Ok((text, key))
    }

    /// Revokes a key, by its id or its name, at once. Blocks for a write to the disk.
    pub fn revoke(&self, which: &str, actor: Actor, now_ms: i64) -> Result<Key, Error> {
        let mut store = self.store.lock();
        let named = |held: &&Arc<ActiveKey>| held.key.id == which || held.key.name == which;
        let found = self.held.read().iter().find(named).cloned();
        let held = found.ok_or_else(|| Error::Unknown(which.chars().take(64).collect()))?;
        let entry = Entry::of(
            Action::KeyRevoked,
            actor,
            Ok(Some(described(&held.key))),
            now_ms,
        );
        store.delete_key(&held.key.id, &entry)?;
        self.held.write().retain(|other| !Arc::ptr_eq(other, &held));
        self.keyed.send_replace(self.has_keys());
        held.revoked.send_replace(true);
        Ok(held.key.clone())
    }

    /// All keys, the oldest first.
    pub fn list(&self) -> Vec<Key> {
        let shown = |held: &Arc<ActiveKey>| Key {
            last_used_ms: Some(held.used_ms.load(Ordering::Relaxed)).filter(|ms| *ms > 0),
            ..held.key.clone()
        };
        self.held.read().iter().map(shown).collect()
    }

    /// Writes a row of the trail. Blocks for a write to the disk.
    pub fn note(&self, entry: Entry) -> Result<(), Error> {
        Ok(self.store.lock().note(&[], &[entry])?)
    }

    /// Remembers refusals for the trail; [`Access::tick`] writes them.
    pub fn refused(&self, actor: Actor, reason: &'static str, count: u64) {
        self.refusals.lock().add(actor, reason, count);
    }

    /// Rows of the trail since then, the newest first. Blocks for a read.
    pub fn audit(&self, since_ms: i64, limit: usize) -> Result<Vec<Row>, Error> {
        Ok(self.store.lock().entries(since_ms, limit)?)
    }

    /// Writes what has gathered: to be called about every second, and at the end. Blocks.
    pub fn tick(&self, now_ms: i64, is_end: bool) -> Result<(), Error> {
        let refusals = self.refusals.lock().take_due(now_ms, is_end);
        let used = self.used(is_end);
        if !refusals.is_empty() || !used.is_empty() {
            let rows: Vec<(&str, i64)> = used
                .iter()
                .map(|(held, used_ms)| (held.key.id.as_str(), *used_ms))
                .collect();
            let noted = self.store.lock().note(&rows, &refusals);
            if let Err(error) = noted {
                self.refusals.lock().put_back(refusals);
                return Err(error.into());
            }
            for (held, used_ms) in &used {
                held.written_ms.store(*used_ms, Ordering::Relaxed);
            }
        }
        let pruned_ms = self.pruned_ms.load(Ordering::Relaxed);
        if now_ms.saturating_sub(pruned_ms) > PRUNE_EVERY_MS {
            self.pruned_ms.store(now_ms, Ordering::Relaxed);
            while self.store.lock().prune()? > 0 {}
        }
        Ok(())
    }

    /// Whether [`tick`](Self::tick) would write.
    pub fn is_due(&self, now_ms: i64) -> bool {
        let since_ms = now_ms.saturating_sub(self.pruned_ms.load(Ordering::Relaxed));
        !self.refusals.lock().is_empty()
            || !self.used(false).is_empty()
            || since_ms > PRUNE_EVERY_MS
    }

    fn used(&self, is_end: bool) -> Vec<(Arc<ActiveKey>, i64)> {
        let mut used = Vec::new();
        for held in self.held.read().iter() {
            let used_ms = held.used_ms.load(Ordering::Relaxed);
            let since_ms = used_ms - held.written_ms.load(Ordering::Relaxed);
            if since_ms >= USED_EVERY_MS || (is_end && since_ms > 0) {
                used.push((held.clone(), used_ms));
            }
        }
        used
    }
}

fn described(key: &Key) -> String {
    format!("{} ({}), {}", key.id, key.name, key.scopes)
}
