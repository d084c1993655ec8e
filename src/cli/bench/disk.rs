//! What an execution takes of the disk: in the files that keep it, and in all that was written on
//! the way there.

use std::fs;
use std::path::Path;

use super::machine::written_bytes;
use super::result::{Row, row};
use super::subject::Subject;
use crate::cli::failure::{Failure, failed};
use agentpulse_contract::data_folder::{HISTORY, JOURNAL};
use agentpulse_store::history::Reader;

/// The files that grow, with the logs beside them: each in the data folder, by how its name begins.
const KEPT: [(&str, &str); 3] = [
    (JOURNAL, "in the journal"),
    (HISTORY, "in the history"),
    ("redis", "in Redis' files"),
];

/// Of all that was measured, when everything has been flushed.
pub fn afterwards(subject: &Subject) -> Result<Vec<Row>, Failure> {
    let (data, part, unit) = (subject.data(), "all of this", "B/execution");
    let reader = Reader::open(&data.join(HISTORY)).map_err(failed)?;
    let executions = reader.count().map_err(failed)? as f64;
    let kept = KEPT.map(|(name, what)| (what, bytes_of(&data, name) as f64 / executions));
    let all = kept.iter().map(|(_, bytes)| bytes).sum::<f64>();
    let redis = subject.redis_pid().and_then(written_bytes);
    let written = written_bytes(subject.pid()).zip(redis);
    let written = written.map(|(daemon, redis)| (daemon + redis) as f64 / executions);
    let mut rows = vec![row(part, "kept on the disk", all, unit)];
    rows.extend(kept.map(|(what, bytes)| row(part, what, bytes, unit)));
    rows.push(row(part, "written to the disk", written, unit));
    Ok(rows)
}

/// Of the files and folders whose names begin so. What vanishes meanwhile is nothing.
fn bytes_of(folder: &Path, begins: &str) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let named = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(begins));
    let bytes = named.map(|entry| match entry.metadata() {
        Ok(found) if found.is_dir() => bytes_of(&entry.path(), ""),
        Ok(found) if found.is_file() => found.len(),
        _ => 0,
    });
    bytes.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_counted_with_their_logs_and_folders() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        fs::create_dir_all(path.join("redis/appendonlydir")).unwrap();
        for (name, bytes) in [
            ("journal.db", 5),
            ("journal.db-wal", 7),
            ("history.db", 11),
            ("redis/appendonlydir/a.aof", 13),
        ] {
            fs::write(path.join(name), vec![0; bytes]).unwrap();
        }
        let counted = KEPT.map(|(name, _)| bytes_of(path, name));
        assert_eq!(counted, [12, 11, 13]);
    }
}
