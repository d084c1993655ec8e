//! Probes of Redis and of the disk, each with a deadline: a late answer counts as none.

use std::fmt::Display;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use agentpulse_contract::spool::{MAX_FILES, REFUSED};
use agentpulse_live::Live;

/// Why a probe has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeError {
    pub reason: String,
    /// It may still answer a client that waits longer.
    pub late: bool,
}

impl ProbeError {
    pub fn late(deadline: Duration) -> ProbeError {
        ProbeError {
            reason: format!("no answer within {} ms", deadline.as_millis()),
            late: true,
        }
    }

    pub fn of(error: impl Display) -> ProbeError {
        ProbeError {
            reason: error.to_string(),
            late: false,
        }
    }
}

/// In bytes; `max` 0 is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RedisMemory {
    pub used: u64,
    pub max: u64,
}

/// Free space on the disk, and what waits in the spool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiskUsage {
    pub free_bytes: u64,
    pub size_bytes: u64,
    pub spool_files: u64,
    pub spool_bytes: u64,
    /// Lines that hooks had to drop, of all time.
    pub spool_dropped: u64,
}

pub struct Probes {
    pub live: Live,
    pub data_dir: PathBuf,
    pub spool_dir: PathBuf,
    /// A disk that hangs blocks one thread, not one for each request.
    disk_probe: Arc<Semaphore>,
}

impl Probes {
    pub fn new(live: Live, data_dir: PathBuf, spool_dir: PathBuf) -> Probes {
        Probes {
            live,
            data_dir,
            spool_dir,
            disk_probe: Arc::new(Semaphore::new(1)),
        }
    }

    /// None if Redis answers but does not allow to ask for its memory.
    pub async fn memory(&self, deadline: Duration) -> Result<Option<RedisMemory>, ProbeError> {
        match timeout(deadline, self.live.memory()).await {
            Ok(Ok(memory)) => Ok(memory.map(|(used, max)| RedisMemory { used, max })),
            Ok(Err(error)) => Err(ProbeError::of(error)),
            Err(_) => Err(ProbeError::late(deadline)),
        }
    }

    pub async fn room(&self, deadline: Duration) -> Result<DiskUsage, ProbeError> {
        let place = timeout(deadline, self.disk_probe.clone().acquire_owned()).await;
        let Ok(Ok(place)) = place else {
            return Err(ProbeError::late(deadline));
        };
        let (data_dir, spool_dir) = (self.data_dir.clone(), self.spool_dir.clone());
        let probe = spawn_blocking(move || {
            let room = room(&data_dir, &spool_dir);
            drop(place);
            room
        });
        match timeout(deadline, probe).await {
            Ok(Ok(Ok(room))) => Ok(room),
            Ok(Ok(Err(error))) => Err(ProbeError::of(error)),
            Ok(Err(error)) => Err(ProbeError::of(error)),
            Err(_) => Err(ProbeError::late(deadline)),
        }
    }
}

fn room(data_dir: &Path, spool_dir: &Path) -> io::Result<DiskUsage> {
    let disk = rustix::fs::statvfs(data_dir)?;
    let mut room = DiskUsage {
        free_bytes: disk.f_bavail.saturating_mul(disk.f_frsize),
        size_bytes: disk.f_blocks.saturating_mul(disk.f_frsize),
        ..DiskUsage::default()
    };
    let entries = match fs::read_dir(spool_dir) {
        Ok(entries) => entries,
        // The first hook that needs it creates it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(room),
        Err(error) => return Err(error),
    };
    for entry in entries.take(MAX_FILES) {
        let entry = entry?;
        // A file that was taken meanwhile does not wait any more.
        let Ok(file) = entry.metadata() else { continue };
        if entry.file_name() == REFUSED {
            room.spool_dropped = file.len();
        } else if file.is_file() {
            room.spool_files += 1;
            room.spool_bytes += file.len();
        }
    }
    Ok(room)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_and_dropped_lines_are_counted_apart() {
        let data = tempfile::tempdir().unwrap();
        let spool = data.path().join("spool");
        let none = room(data.path(), &spool).unwrap();
        assert!(none.free_bytes > 0 && none.free_bytes <= none.size_bytes);
        assert_eq!((none.spool_files, none.spool_dropped), (0, 0));
        fs::create_dir(&spool).unwrap();
        for (name, content) in [("1.json", "four"), ("2.json", "sevenxx"), (REFUSED, "xxx")] {
            fs::write(spool.join(name), content).unwrap();
        }
        let some = room(data.path(), &spool).unwrap();
        assert_eq!(
            (some.spool_files, some.spool_bytes, some.spool_dropped),
            (2, 11, 3)
        );
    }
}
