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

/// Folders named by a variable, with commas between them. Where a part is not absolute, the comma
/// belongs to the name of the one folder.
pub(super) fn absolute_list(env: &BTreeMap<String, String>, name: &str) -> Vec<PathBuf> {
    let parts = env.get(name).map_or("", String::as_str).split(',');
    let parts: Vec<PathBuf> = parts.map(|part| PathBuf::from(part.trim())).collect();
    match parts.iter().all(|part| part.is_absolute()) {
        true => parts,
        false => absolute(env, name).into_iter().collect(),
    }
}

/// A folder named by a variable. The XDG specification has an empty or relative one ignored.
pub(super) fn absolute(env: &BTreeMap<String, String>, name: &str) -> Option<PathBuf> {
    env.get(name)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comma_is_between_folders_or_in_a_name() {
        let list = |value: &str| {
            let env = BTreeMap::from([("X".to_owned(), value.to_owned())]);
            let list = absolute_list(&env, "X");
            list.iter()
                .map(|path| path.display().to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(list("/a"), ["/a"]);
        assert_eq!(list("/a, /b"), ["/a", "/b"]);
        assert_eq!(list("/work, old"), ["/work, old"]);
        assert!(list("").is_empty());
        assert!(list("a,/b").is_empty());
    }
}
