//! An agent that its user stopped: no hook reports it, and its transcript need not show it. The
//! file beside the transcript does.

use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::files::Files;
use crate::sidecar::{MAX_SIDECAR_BYTES, sidecar};
use agentpulse_core::event::SeenEnd;
use agentpulse_pipeline::clock::now_ms;

/// A transcript that changed so long after its agent was stopped goes on: the agent lives.
pub(super) const LAG: Duration = Duration::from_secs(2);

/// What the file beside a transcript said when it had last changed.
#[derive(Default)]
pub struct StoppedByUser {
    changed: Option<SystemTime>,
    is_stopped: bool,
}

impl StoppedByUser {
    /// The end of a run that began at `started_ms`, if its user stopped it. Blocks.
    pub fn end(&mut self, path: &Path, files: &Files, started_ms: Option<i64>) -> Option<SeenEnd> {
        let changed = changed(&path.with_extension("meta.json"))?;
        if self.changed != Some(changed) {
            self.is_stopped = sidecar(&files.roots, path, MAX_SIDECAR_BYTES)?.is_stopped;
            self.changed = Some(changed);
        }
        let at = changed.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        let at_ms = at.as_millis() as i64;
        // A clock that was set back must not end it ahead of its time.
        let at_ms = at_ms.min(now_ms());
        let goes_on = changed_after(path, changed + LAG) || Some(at_ms) < started_ms;
        (self.is_stopped && !goes_on).then(|| SeenEnd::interrupted(at_ms))
    }
}

pub(super) fn changed(path: &Path) -> Option<SystemTime> {
    path.metadata().ok()?.modified().ok()
}

fn changed_after(path: &Path, time: SystemTime) -> bool {
    changed(path).is_none_or(|changed| changed > time)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::sync::Arc;

    use super::*;
    use agentpulse_core::project::ProjectNames;

    #[test]
    fn what_its_user_stopped_has_ended_unless_it_was_resumed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent-a.jsonl");
        let beside = path.with_extension("meta.json");
        let files = Files {
            catalog: Arc::default(),
            roots: vec![folder.path().to_owned()],
            max_bytes: 1 << 20,
            indexes: Arc::default(),
            project_names: ProjectNames::Name,
            home: None,
        };
        let write = |path: &Path, text: &str, at_s: u64| {
            fs::write(path, text).unwrap();
            let file = File::options().append(true).open(path).unwrap();
            let at = SystemTime::UNIX_EPOCH + Duration::from_secs(at_s);
            file.set_modified(at).unwrap();
        };
        let mut stopped = StoppedByUser::default();
        write(&path, "", 1_000);
        assert_eq!(
            stopped.end(&path, &files, None),
            None,
            "nothing is beside it"
        );
        write(&beside, r#"{"agentType":"probe"}"#, 1_000);
        assert_eq!(stopped.end(&path, &files, None), None);
        write(
            &beside,
            r#"{"agentType":"probe","stoppedByUser":true}"#,
            1_010,
        );
        let end = Some(SeenEnd {
            at_ms: 1_010_000,
            failure: Some("interrupted".to_owned()),
        });
        assert_eq!(stopped.end(&path, &files, Some(900_000)), end);
        assert_eq!(
            stopped.end(&path, &files, Some(900_000)),
            end,
            "it is said again"
        );
        let later = stopped.end(&path, &files, Some(1_011_000));
        assert_eq!(later, None, "this run began after the stop");
        write(&path, "", 1_013);
        assert_eq!(
            stopped.end(&path, &files, Some(900_000)),
            None,
            "it goes on"
        );
    }
}
