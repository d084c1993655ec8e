//! Keeps what is known of the definitions as the files are: scans when something may have changed,
//! and from time to time whether it has or not.

use std::mem;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};
use tracing::{debug, error, warn};

use agentpulse_definitions::{Change, Client, diff};
use agentpulse_pipeline::clock::now_ms;
use agentpulse_pipeline::counters::Counters;

use crate::current::{Current, LastScan, Site, Together};
use crate::handle::{Handle, MAX_REQUESTS, Request};
use crate::place::{Places, Root};
use crate::recorder::Recorder;
use crate::registry::Registry;
use crate::snapshot::Snapshot;
use crate::watch::Watched;
use crate::workplace::Workplaces;

/// Files that are written together are read together.
const QUIET: Duration = Duration::from_millis(200);
/// Where it never is quiet.
const MAX_GATHER: Duration = Duration::from_secs(1);
/// A scan takes milliseconds; one of a disk that does not answer is waited for, and reported.
const DEADLINE: Duration = Duration::from_secs(30);
/// Of its own time a scan leaves so many times to others, before the next one.
const REST: u32 = 4;
/// Where changes are not reported, it looks so seldom that it takes a 500th of a core.
const POLL_REST: u32 = 500;
const POLL_AT_LEAST: Duration = Duration::from_secs(2);
/// Scans one after the other because folders came that were not watched.
const MAX_AGAIN: usize = 3;

pub struct Keeper {
    registry: Registry,
    /// None where nothing can be written down.
    recorder: Option<Recorder>,
    places: Places,
    workplaces: watch::Receiver<Arc<Workplaces>>,
    watched: Watched,
    current: watch::Sender<Arc<Current>>,
    requests: mpsc::Receiver<Request>,
    /// Those whose scan has not begun.
    waiting: Vec<Request>,
    counters: Arc<Counters>,
}

/// What one scan brings.
struct Scanned {
    registry: Registry,
    recorder: Option<Recorder>,
    is_recorded: bool,
    snapshot: Arc<Snapshot>,
    sites: Arc<Vec<Site>>,
    library: Arc<Vec<Root>>,
    /// None where it is as before.
    together: Option<Together>,
    changes: Vec<Change>,
    /// Paths that decide where definitions are.
    deciding: Vec<PathBuf>,
    began_ms: i64,
    took: Duration,
}

impl Keeper {
    /// `epoch` is another one in each life of the daemon.
    pub fn new(
        client: Client,
        recorder: Option<Recorder>,
        places: Places,
        workplaces: watch::Receiver<Arc<Workplaces>>,
        counters: Arc<Counters>,
        epoch: String,
    ) -> (Handle, Keeper) {
        let (current, shown) = watch::channel(Arc::new(Current::new(epoch)));
        let (sender, requests) = mpsc::channel(MAX_REQUESTS);
        let keeper = Keeper {
            registry: Registry::new(client),
            recorder,
            places,
            workplaces,
            watched: Watched::new(),
            current,
            requests,
            waiting: Vec::new(),
            counters: counters.clone(),
        };
        (Handle::new(shown, sender, counters), keeper)
    }

    /// Runs until `stop`.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        tokio::select! {
            () = self.keep() => {}
            // Without a sender the daemon is gone already.
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }

    async fn keep(&mut self) {
        loop {
            let mut again = 0;
            while self.scan().await && again < MAX_AGAIN {
                again += 1;
            }
            self.due().await;
        }
    }

    /// Waits until it is time for a scan.
    async fn due(&mut self) {
        let ended = Instant::now();
        let took = self.current.borrow().last_scan.took;
        let rescan = self.workplaces.borrow().rescan;
        let pause = match self.watched.is_whole() {
            true => rescan,
            false => (POLL_REST * took).clamp(POLL_AT_LEAST, rescan.max(POLL_AT_LEAST)),
        };
        tokio::select! {
            () = self.watched.changed() => {
                self.settle().await;
                sleep_until(ended + REST * took.min(MAX_GATHER)).await;
            }
            () = sleep(pause) => {}
            Some(request) = self.requests.recv() => self.waiting.push(request),
            Ok(()) = self.workplaces.changed() => {}
        }
    }

    /// Waits until nothing changes any more.
    async fn settle(&mut self) {
        let end = Instant::now() + MAX_GATHER;
        let mut quiet = Instant::now() + QUIET;
        // What has come already is never late: without the end it would go on as long as it comes.
        while Instant::now() < end {
            let changed = self.watched.changed();
            if timeout_at(quiet.min(end), changed).await.is_err() {
                return;
            }
            quiet = Instant::now() + QUIET;
        }
    }

    /// Returns whether it has to be done again, as something may have changed unseen.
    async fn scan(&mut self) -> bool {
        while let Ok(request) = self.requests.try_recv() {
            self.waiting.push(request);
        }
        let waiting = mem::take(&mut self.waiting);
        let client = self.registry.client().clone();
        let registry = mem::replace(&mut self.registry, Registry::new(client));
        let recorder = self.recorder.take();
        let (places, before) = (self.places.clone(), self.current.borrow().clone());
        let workplaces = self.workplaces.borrow_and_update().clone();
        let scan = spawn_blocking(move || scan(registry, recorder, &places, &workplaces, &before));
        let Some(scanned) = self.ended(scan).await else {
            return false;
        };
        let (snapshot, deciding) = (scanned.snapshot.clone(), &scanned.deciding);
        self.counters.registry_scans.add(1);
        let files_read = snapshot.files_read as u64;
        self.counters.registry_files_read.add(files_read);
        let unrecorded = u64::from(!scanned.is_recorded);
        self.counters.registry_record_failures.add(unrecorded);
        let is_again = self.watched.set(&snapshot.sources, deciding);
        let current = self.publish(scanned);
        for request in waiting {
            // Who asked may be gone.
            let _ = request.send(current.clone());
        }
        is_again
    }

    fn publish(&mut self, scanned: Scanned) -> Arc<Current> {
        self.registry = scanned.registry;
        self.recorder = scanned.recorder;
        let before = self.current.borrow().clone();
        let is_other = scanned.together.is_some();
        let mut next = before.after(&scanned.changes, is_other);
        if next.seq > before.seq {
            debug!(next.seq, "the definitions of agents have changed");
        }
        next.snapshot = scanned.snapshot;
        next.sites = scanned.sites;
        next.library = scanned.library;
        if let Some(together) = scanned.together {
            next.together = Arc::new(together);
        }
        next.last_scan = LastScan {
            began_ms: Some(scanned.began_ms),
            took: scanned.took,
            is_watched: self.watched.is_whole(),
            is_late: false,
        };
        let next = Arc::new(next);
        self.current.send_replace(next.clone());
        next
    }

    /// Waits for a scan, however long it takes. None if it ended by a fault: what it knew is lost,
    /// and what is shown stays until the next one.
    async fn ended(&mut self, mut scan: JoinHandle<Scanned>) -> Option<Scanned> {
        let mut ended = timeout(DEADLINE, &mut scan).await;
        if ended.is_err() {
            self.counters.registry_scan_failures.add(1);
            warn!(
                after_s = DEADLINE.as_secs(),
                "the definitions of agents cannot be read yet"
            );
            self.current.send_modify(|current| {
                Arc::make_mut(current).last_scan.is_late = true;
            });
            ended = Ok(scan.await);
        }
        match ended {
            Ok(Ok(scanned)) => Some(scanned),
            Ok(Err(fault)) if fault.is_panic() => {
                self.counters.registry_scan_failures.add(1);
                error!(%fault, "a scan of the definitions of agents has failed");
                None
            }
            _ => None,
        }
    }
}

/// Blocks.
fn scan(
    mut registry: Registry,
    mut recorder: Option<Recorder>,
    places: &Places,
    workplaces: &Workplaces,
    before: &Current,
) -> Scanned {
    let (began_ms, began, now) = (now_ms(), Instant::now(), SystemTime::now());
    let client = registry.client().clone();
    let sites = workplaces.sites(places, &client);
    let library = workplaces.library();
    let roots = sites.iter().flat_map(|site| &site.roots).chain(&library);
    let roots: Vec<_> = roots.cloned().collect();
    let snapshot = registry.scan(&roots, now);
    let changes = diff(&before.snapshot.registered, &snapshot.registered);
    // A file that never was an agent is none of the changes, and has findings.
    let is_same = changes.is_empty()
        && *before.sites == sites
        && *before.library == library
        && before.snapshot.files == snapshot.files
        && before.last_scan.began_ms.is_some();
    let record = |recorder: &mut Recorder| recorder.record(&snapshot, began_ms);
    let is_recorded = recorder.as_mut().is_none_or(record);
    let together = (!is_same).then(|| Together::of(&snapshot, &sites, &library));
    let deciding = places.deciding(sites.iter().map(|site| site.folder.as_path()));
    Scanned {
        registry,
        recorder,
        is_recorded,
        snapshot,
        sites: Arc::new(sites),
        library: Arc::new(library),
        together,
        changes,
        deciding: deciding
            .into_iter()
            .chain(roots.into_iter().map(|root| root.path))
            .collect(),
        began_ms,
        took: began.elapsed(),
    }
}
