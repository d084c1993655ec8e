//! What the tasks of the daemon are built from.

use std::net::SocketAddr;
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::control::{self, Requests};
use super::failure::Failure;
use super::folder::Folder;
use super::parts::Parts;
use super::queue::QueueThread;
use super::redis::Redis;
use super::registry::{self, Registrar};
use super::stores::Stores;
use crate::http::Control;
use crate::intake::{Deliveries, Intake};
use agentpulse_config::Config;
use agentpulse_live::Live;
use agentpulse_pipeline::clock::now_ms;
use agentpulse_pipeline::readiness::Readiness;
use agentpulse_pipeline::reload::ReloadState;
use agentpulse_pipeline::settings::SettingsWatch;
use agentpulse_pipeline::writer::WriterHandle;
use agentpulse_queue::Queue;
use agentpulse_reports::Reports;
use agentpulse_reports::selection::ledger::LedgerHandle;
use agentpulse_reports::system::{Beside, System};
use agentpulse_store::access::Access;
use agentpulse_store::history::Lanes;

/// What is claimed before anything runs.
#[derive(Clone, Copy)]
pub struct Site<'a> {
    pub config: &'a Config,
    pub folder: &'a Folder,
    pub redis: &'a Redis,
    pub access: &'a Arc<Access>,
    /// The address that HTTP listens on.
    pub address: SocketAddr,
}

pub struct Context<'a> {
    pub site: Site<'a>,
    pub parts: Parts,
    pub lanes: Lanes,
    pub writer: WriterHandle,
    pub readiness: Readiness,
    /// How the last reload went.
    pub reloaded: Arc<ReloadState>,
    pub control: Control,
    pub deliveries: Arc<Deliveries>,
    pub reports: Arc<Reports>,
    pub system: Arc<System>,
    /// None where it cannot be opened.
    pub queue: Option<Arc<Queue>>,
}

/// What is to be started with the context.
pub struct Unstarted {
    pub requests: Requests,
    pub registrar: Registrar,
    pub queue: QueueThread,
}

impl<'a> Context<'a> {
    pub fn new(
        site: Site<'a>,
        stores: &Stores,
        settings: SettingsWatch,
        writer: WriterHandle,
        deliveries: Deliveries,
        ledger: LedgerHandle,
    ) -> Result<(Context<'a>, Unstarted), Failure> {
        let parts = Parts::new(stores, settings);
        let queue = QueueThread::start(site.config, &parts)?;
        let live = &site.redis.live;
        let readiness = parts.readiness(Arc::default());
        let reloaded = Arc::<ReloadState>::default();
        let (control, requests) = control::open(site.config, &parts, writer.clone());
        let history = stores.lanes.own.clone();
        let (definitions, registrar) = registry::open(site.config, &parts, history)?;
        let definitions_handle = definitions.handle.clone();
        let views = parts.views(stores, live, definitions, ledger);
        let reports = Reports::new(views, parts.counters.clone(), now_ms);
        let system = System::new(
            readiness.clone(),
            reloaded.clone(),
            control::facts(site.config, site.redis, site.address),
            parts.kept.clone(),
            live.clone(),
            stores.lanes.own.clone(),
            Beside {
                definitions: definitions_handle,
                queue: queue.queue.clone(),
            },
        );
        let context = Context {
            site,
            parts,
            lanes: stores.lanes.clone(),
            writer,
            readiness,
            reloaded,
            control,
            deliveries: Arc::new(deliveries),
            reports: Arc::new(reports),
            system: Arc::new(system),
            queue: queue.queue.clone(),
        };
        let unstarted = Unstarted {
            requests,
            registrar,
            queue,
        };
        Ok((context, unstarted))
    }

    pub fn live(&self) -> &'a Live {
        &self.site.redis.live
    }

    pub fn intake(&self) -> Intake {
        Intake {
            writer: self.writer.clone(),
            counters: self.parts.counters.clone(),
            settings: self.parts.settings.clone(),
            zone: TimeZone::system(),
            deliveries: self.deliveries.clone(),
        }
    }
}
