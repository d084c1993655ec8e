//! An agent in the background that its client no longer lists: a stop by its user fires no hook,
//! and the file beside its transcript may not say it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::stopped::{LAG, StoppedByUser, changed};
use crate::files::Files;
use crate::read::read;
use crate::turn_before::ReadBefore;
use agentpulse_core::event::SeenEnd;
use agentpulse_core::execution::Execution;
use agentpulse_sources::claude_code::transcript::Span;

pub struct Missing {
    pub execution: Arc<Execution>,
    /// Returns `None` if it is not known where in its transcript it begins.
    pub before: Option<ReadBefore>,
    /// Of the list that it is missing from.
    pub listed_ms: i64,
}

impl Missing {
    /// Its end: by the file beside its transcript, else by its last line, else the moment of the
    /// list. Returns `None` if its transcript goes on after that. Blocks.
    pub fn end(&self, files: &Files) -> Option<SeenEnd> {
        let path = self.execution.transcript().map(Path::new);
        let later = self.execution.later_transcripts().iter();
        let later: Vec<PathBuf> = later.map(PathBuf::from).collect();
        let since_1970 = Duration::from_millis(u64::try_from(self.listed_ms).ok()?);
        let goes_on_after = SystemTime::UNIX_EPOCH + since_1970 + LAG;
        let mut paths = path.into_iter().chain(later.iter().map(PathBuf::as_path));
        if paths.any(|path| changed(path).is_some_and(|changed| changed > goes_on_after)) {
            return None;
        }
        let started_ms = self.execution.start.as_ref().map(|start| start.started_ms);
        let shown = path.and_then(|path| {
            let stopped = StoppedByUser::default().end(path, files, started_ms);
            stopped.or_else(|| self.last_line(files, path, &later, started_ms))
        });
        Some(shown.unwrap_or_else(|| SeenEnd::interrupted(self.listed_ms)))
    }

    fn last_line(
        &self,
        files: &Files,
        path: &Path,
        later: &[PathBuf],
        started_ms: Option<i64>,
    ) -> Option<SeenEnd> {
        let before = self.before?;
        let span = Span {
            read_until_ms: before.until_ms,
            started_ms,
            ended_ms: None,
            is_closed: false,
        };
        let read = read(files, path, later, before.offset, span).ok()?;
        let last_ms = read
            .usage
            .last_ms
            .filter(|&last_ms| Some(last_ms) >= started_ms);
        read.end.or_else(|| last_ms.map(SeenEnd::interrupted))
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::super::tests::{STARTED_MS, answer, prompt, running};
    use super::*;
    use agentpulse_core::project::ProjectNames;

    /// Listed at 20 s, and read below the folder.
    fn end(folder: &Path, path: &Path, before: Option<ReadBefore>) -> Option<SeenEnd> {
        let files = Files {
            catalog: Arc::default(),
            roots: vec![folder.to_owned()],
            max_bytes: 1 << 20,
            indexes: Arc::default(),
            project_names: ProjectNames::Name,
            home: None,
        };
        let missing = Missing {
            execution: Arc::new(running("a", path, STARTED_MS)),
            before,
            listed_ms: STARTED_MS + 20_000,
        };
        missing.end(&files)
    }

    fn write(path: &Path, text: &str, changed_s: u64) {
        fs::write(path, text).unwrap();
        let file = File::options().append(true).open(path).unwrap();
        let started = SystemTime::UNIX_EPOCH + Duration::from_millis(STARTED_MS as u64);
        let changed = started + Duration::from_secs(changed_s);
        file.set_modified(changed).unwrap();
    }

    fn interrupted(at_s: i64) -> Option<SeenEnd> {
        Some(SeenEnd::interrupted(STARTED_MS + at_s * 1_000))
    }

    #[test]
    fn what_is_missing_ends_by_what_is_known_best() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent-a.jsonl");
        let end = |begins| end(folder.path(), &path, begins);
        let known = Some(ReadBefore::default());
        assert_eq!(end(known), interrupted(20), "there is no transcript");
        let calls = format!("{}\n{}\n", prompt(0), answer("1", 7, 1, 1));
        write(&path, &calls, 8);
        assert_eq!(end(known), interrupted(7));
        assert_eq!(end(None), interrupted(20), "it may be of the turn before");
        write(&path, &calls, 21);
        assert_eq!(end(known), interrupted(7));
        write(&path, &calls, 23);
        assert_eq!(end(known), None, "it goes on");
        let said = calls.replace("tool_use", "end_turn");
        write(&path, &said, 8);
        let success = SeenEnd {
            at_ms: STARTED_MS + 7_000,
            failure: None,
        };
        assert_eq!(end(known), Some(success), "its stop was lost");
        let beside = path.with_extension("meta.json");
        write(&beside, r#"{"stoppedByUser":true}"#, 9);
        assert_eq!(end(known), interrupted(9));
        for unreadable in [
            "{",
            r#"{"stoppedByUser":"yes"}"#,
            r#"{"agentType":"probe"}"#,
        ] {
            write(&path, &calls, 8);
            write(&beside, unreadable, 9);
            assert_eq!(end(known), interrupted(7), "{unreadable}");
        }
    }

    #[test]
    fn a_transcript_that_may_not_be_read_shows_no_more_than_that_it_grows() {
        let folder = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let path = elsewhere.path().join("agent-a.jsonl");
        let calls = format!("{}\n{}\n", prompt(0), answer("1", 7, 1, 1));
        let known = Some(ReadBefore::default());
        write(&path, &calls, 8);
        assert_eq!(end(folder.path(), &path, known), interrupted(20));
        write(&path, &calls, 23);
        assert_eq!(end(folder.path(), &path, known), None);
    }
}
