//! Folders that the environment names.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// The settings file of the user whose environment this is, if there is one.
pub fn default_file(env: impl Iterator<Item = (String, String)>) -> Option<PathBuf> {
    let env: BTreeMap<String, String> = env.collect();
    let folder = absolute(&env, "XDG_CONFIG_HOME")
        .or_else(|| Some(absolute(&env, "HOME")?.join(".config")))?;
    let file = folder.join("agentpulse/agentpulse.toml");
    file.exists().then_some(file)
}

/// Folders named by a variable, with commas between them. Those that are not absolute are ignored.
pub(super) fn absolute_list(env: &BTreeMap<String, String>, name: &str) -> Vec<PathBuf> {
    let all = env.get(name).map_or("", String::as_str).split(',');
    all.map(|path| PathBuf::from(path.trim()))
        .filter(|path| path.is_absolute())
        .collect()
}

/// A folder named by a variable. The XDG specification has an empty or relative one ignored.
pub(super) fn absolute(env: &BTreeMap<String, String>, name: &str) -> Option<PathBuf> {
    env.get(name)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
}
