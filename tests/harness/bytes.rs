//! Which bytes lie in the files of a folder.

use std::fs;
use std::path::Path;

/// Looks for the secret in every file below the folder, and says how many there were.
pub fn search(folder: &Path, secret: &str) -> usize {
    let mut files = 0;
    for entry in fs::read_dir(folder).expect("the data folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files += search(&path, secret);
        } else if let Ok(bytes) = fs::read(&path) {
            files += 1;
            assert!(!holds(&bytes, secret), "{secret} is in {}", path.display());
        }
    }
    files
}

pub fn holds(bytes: &[u8], secret: &str) -> bool {
    bytes
        .windows(secret.len())
        .any(|window| window == secret.as_bytes())
}
