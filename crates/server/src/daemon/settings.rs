//! What the pipeline takes of the settings.

use std::sync::Arc;

use agentpulse_config::Config;
use agentpulse_core::execution::Catalog;
use agentpulse_pipeline::running::Timeouts;
use agentpulse_pipeline::settings::RuntimeSettings;
use agentpulse_tasks::settings::Settings as TaskSettings;

pub fn runtime(config: &Config, catalog: Arc<Catalog>) -> RuntimeSettings {
    RuntimeSettings {
        timeouts: Timeouts {
            idle: config.reaper.idle_timeout,
            tool: config.reaper.tool_timeout,
        },
        max_running: config.limits.running,
        max_running_bytes: config.limits.running_bytes as usize,
        keep_rows: config.journal.keep_rows,
        keep_ms: config.journal.keep.as_millis() as i64,
        remember_ms: config.history.keep.as_millis() as i64,
        flush_interval: config.history.flush_interval,
        check_interval: config.redis.check_interval,
        transcript_roots: config.transcript.roots.clone(),
        project_names: config.privacy.projects,
        home: config.privacy.home.clone(),
        definition_projects: config.registry.projects.clone(),
        definition_library: config.registry.library.clone(),
        definition_rescan: config.registry.rescan,
        writes_definitions: config.registry.write,
        maintenance: config.registry.maintenance.clone(),
        select_weights: config.select.weights.clone(),
        abstain_below: config.select.abstain_below,
        keeps_terms: config.select.keeps_terms,
        tasks: Arc::new(tasks(&config.tasks)),
        counts_main: config.claude_code.main_thread,
        transcript_max_bytes: config.transcript.max_bytes,
        catalog,
        rules: config.alerts.rules.clone(),
    }
}

fn tasks(set: &agentpulse_config::Tasks) -> TaskSettings {
    let mut tasks = TaskSettings {
        age_step_ms: set.age_step.as_millis() as i64,
        lease_ms: set.lease.as_millis() as i64,
        abandon_after: set.abandon_after,
        max_retries: set.max_retries,
        fallback_role: set.fallback_role.clone(),
        keep_ms: set.keep.as_millis() as i64,
        ..TaskSettings::default()
    };
    tasks.roles.names.extend(set.roles.iter().cloned());
    tasks.roles.names.insert(set.fallback_role.clone());
    tasks
}
