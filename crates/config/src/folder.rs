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

/// A folder named by a variable. The XDG specification has an empty or relative one ignored.
pub(super) fn absolute(env: &BTreeMap<String, String>, name: &str) -> Option<PathBuf> {
    env.get(name)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
}
