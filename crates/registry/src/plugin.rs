//! Definitions of plugins. What is installed is in a file that the client does not document: what
//! is not as expected in it is no plugin.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;

use agentpulse_definitions::Scope;

use crate::place::Root;

const FOLDER: &str = "plugins";
const SETTINGS: &str = "settings.json";
const INSTALLED: &str = "plugins/installed_plugins.json";
const MANIFEST: &str = ".claude-plugin/plugin.json";
const MAX_JSON_BYTES: u64 = 1024 * 1024;
const MAX_PLUGINS: usize = 256;

/// Of the plugins that are enabled, in the order of their names.
pub fn roots(config: &Path, projects: &[PathBuf]) -> Vec<Root> {
    let installed = json(&config.join(INSTALLED)).unwrap_or_default();
    let Some(plugins) = installed.get("plugins").and_then(Value::as_object) else {
        return Vec::new();
    };
    let enabled = enabled(config, projects);
    let plugins = plugins.iter().take(MAX_PLUGINS);
    let plugins = plugins.filter(|(id, _)| enabled.get(*id) != Some(&false));
    let of_plugin = |(id, installs): (&String, &Value)| {
        let name = id.split('@').next().unwrap_or_default().to_owned();
        let installs = installs.as_array().into_iter().flatten();
        let here = installs.filter(|install| is_for(install, projects));
        // One plugin may be installed for several projects.
        let path = here
            .filter_map(|install| install.get("installPath")?.as_str())
            .next();
        path.map(|path| of_folder(&name, Path::new(path)))
            .unwrap_or_default()
    };
    plugins.flat_map(of_plugin).collect()
}

/// What the manifest names, or the folder `agents`.
pub fn of_folder(name: &str, folder: &Path) -> Vec<Root> {
    let manifest = json(&folder.join(MANIFEST)).unwrap_or_default();
    let named: Vec<&str> = match manifest.get("agents") {
        Some(Value::String(path)) => vec![path],
        Some(Value::Array(paths)) => paths.iter().filter_map(Value::as_str).collect(),
        _ => vec!["agents"],
    };
    let root = |path: &str| Root {
        scope: Scope::Plugin,
        path: folder.join(path.trim_start_matches("./")),
        plugin: Some(name.to_owned()),
    };
    named.into_iter().map(root).collect()
}

/// The name that the manifest of a plugin's folder says; None if it is none.
pub fn name_of(folder: &Path) -> Option<String> {
    let manifest = json(&folder.join(MANIFEST))?;
    Some(manifest.get("name")?.as_str()?.to_owned())
}

fn is_for(install: &Value, projects: &[PathBuf]) -> bool {
    let project = install.get("projectPath").and_then(Value::as_str);
    project.is_none_or(|project| projects.iter().any(|folder| folder == Path::new(project)))
}

/// The user's files that decide which plugins there are, and their folder.
pub fn deciding(config: &Path) -> [PathBuf; 3] {
    let installed = config.join(INSTALLED);
    [config.join(SETTINGS), config.join(FOLDER), installed]
}

/// The settings of a project, and those that are its user's alone.
pub fn settings(project: &Path) -> [PathBuf; 2] {
    let config = project.join(".claude");
    [config.join(SETTINGS), config.join("settings.local.json")]
}

/// What the settings say; those of a project win over the user's, the local ones over all.
fn enabled(config: &Path, projects: &[PathBuf]) -> BTreeMap<String, bool> {
    let mut files = vec![config.join(SETTINGS)];
    let of_projects: Vec<_> = projects
        .iter()
        .rev()
        .map(|folder| settings(folder))
        .collect();
    for index in 0..2 {
        files.extend(of_projects.iter().map(|files| files[index].clone()));
    }
    let mut enabled = BTreeMap::new();
    for file in files {
        let settings = json(&file).unwrap_or_default();
        let plugins = settings.get("enabledPlugins").and_then(Value::as_object);
        for (id, is_enabled) in plugins.into_iter().flatten() {
            enabled.extend(
                is_enabled
                    .as_bool()
                    .map(|is_enabled| (id.clone(), is_enabled)),
            );
        }
    }
    enabled
}

fn json(path: &Path) -> Option<Value> {
    let mut bytes = Vec::new();
    let file = File::open(path).ok()?;
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    file.take(MAX_JSON_BYTES).read_to_end(&mut bytes).ok()?;
    serde_json::from_slice(&bytes).ok()
}
