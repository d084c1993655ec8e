//! Which daemon a command is for, and where its settings come from.

use std::path::PathBuf;

use clap::Args;

use super::failure::{Failure, io_failed};
use agentpulse_config::{Config, ConfigError, default_file};
use agentpulse_contract::exit;

/// Which daemon a command is for.
#[derive(Args, Clone)]
pub struct Target {
    /// The settings file [default: agentpulse/agentpulse.toml in ~/.config]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder of the journal and the history [default: ~/.local/state/agentpulse]
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl Target {
    /// The settings, with the command's own flags (a dotted key and its value) on top.
    pub fn load(&self, mut flags: Vec<(String, String)>) -> Result<Config, Failure> {
        flags.extend(self.flags()?);
        self.resolve(&flags)
            .map_err(|error| Failure::new(exit::CONFIG, error.to_string()))
    }

    pub fn flags(&self) -> Result<Vec<(String, String)>, Failure> {
        let dir = self.data_dir.as_ref();
        dir.map(|dir| flag("data.dir", dir)).into_iter().collect()
    }

    /// The same for another command, wherever it is started.
    pub fn arguments(&self) -> Result<Vec<String>, Failure> {
        let given = [("--config", &self.config), ("--data-dir", &self.data_dir)];
        let mut arguments = Vec::new();
        for (name, path) in given {
            let Some(path) = path else { continue };
            let absolute = std::path::absolute(path).map_err(|error| io_failed(name, &error))?;
            let (name, path) = flag(name, &absolute)?;
            arguments.extend([name, path]);
        }
        Ok(arguments)
    }

    /// The settings of now; `flags` are all of them.
    pub fn resolve(&self, flags: &[(String, String)]) -> Result<Config, ConfigError> {
        Config::load(self.file().as_deref(), environment(), flags)
    }

    /// The settings file, if there is one.
    pub fn file(&self) -> Option<PathBuf> {
        self.config.clone().or_else(|| default_file(environment()))
    }
}

/// A setting that a flag gives as a path.
pub fn flag(key: &str, path: &std::path::Path) -> Result<(String, String), Failure> {
    match path.to_str() {
        Some(path) => Ok((key.to_owned(), path.to_owned())),
        None => Err(Failure::new(
            exit::CONFIG,
            format!("{key}: {} is not UTF-8", path.display()),
        )),
    }
}

/// What is not UTF-8 is none of our settings.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_win_and_a_wrong_setting_is_78() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("agentpulse.toml");
        std::fs::write(&file, "[http]\nlisten = \"127.0.0.1:1\"\n").unwrap();
        let target = Target {
            config: Some(file.clone()),
            data_dir: Some(folder.path().join("data")),
        };
        let config = target
            .load(vec![("http.listen".into(), "127.0.0.1:2".into())])
            .unwrap();
        assert_eq!(config.http.listen.port(), 2);
        assert_eq!(config.data.dir, folder.path().join("data"));

        std::fs::write(&file, "[http]\nlistens = 1\n").unwrap();
        let failure = target.load(Vec::new()).unwrap_err();
        assert_eq!(failure.code, 78);
        assert!(failure.message.contains("listens"), "{}", failure.message);
    }
}
