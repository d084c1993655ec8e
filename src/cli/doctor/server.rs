//! The program of the private server: whether it exists, and whether it is new enough.

use std::env;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use super::finding::Finding;
use agentpulse_config::Config;

const SUBJECT: &str = "redis";
/// In the order in which the daemon searches them.
const PROGRAMS: [&str; 2] = ["valkey-server", "redis-server"];
/// Printing a version takes milliseconds.
const DEADLINE: Duration = Duration::from_secs(5);
const INSTALL: &str = "install valkey or redis (`apt install redis-server`, `brew install \
                       valkey`), or set redis.url";

pub async fn finding(config: &Config) -> Finding {
    if config.redis.url.is_some() {
        // The daemon knows whether it is reachable, and is checked as well.
        return Finding::right(SUBJECT, "redis.url is set: no server of our own is needed");
    }
    let path = match &config.redis.server {
        Some(path) => Some(path.clone()),
        None => search(env::var_os("PATH").unwrap_or_default().as_os_str()),
    };
    let Some(path) = path else {
        return Finding::error(
            SUBJECT,
            "there is no valkey-server and no redis-server",
            INSTALL,
        );
    };
    let shown = path.display();
    let output = Command::new(&path)
        .arg("--version")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    match timeout(DEADLINE, output).await {
        Ok(Ok(output)) => evaluate(&shown.to_string(), &String::from_utf8_lossy(&output.stdout)),
        Ok(Err(error)) => Finding::error(SUBJECT, format!("{shown}: {error}"), INSTALL),
        Err(_) => Finding::error(SUBJECT, format!("{shown} --version does not end"), INSTALL),
    }
}

fn search(path: &std::ffi::OsStr) -> Option<PathBuf> {
    PROGRAMS.iter().find_map(|program| {
        let places = env::split_paths(path).map(|folder| folder.join(program));
        places.into_iter().find(|place| place.is_file())
    })
}

/// Functions in scripts (`#!lua`) came with Redis 7.0; Valkey began with 7.2.
fn evaluate(program: &str, output: &str) -> Finding {
    let Some(version) = version(output) else {
        let state = format!("{program} does not print its version");
        return Finding::error(SUBJECT, state, INSTALL);
    };
    let major = version
        .split('.')
        .next()
        .and_then(|major| major.parse::<u32>().ok());
    let state = format!("{program} has version {version}");
    if major.is_some_and(|major| major >= 7) {
        Finding::right(SUBJECT, state)
    } else {
        Finding::error(SUBJECT, state, "install Redis 7.0, Valkey 7.2 or newer")
    }
}

/// Out of `Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64`.
fn version(output: &str) -> Option<&str> {
    output
        .split_whitespace()
        .find_map(|word| word.strip_prefix("v="))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_judged() {
        let line = |version| format!("Redis server v={version} sha=00000000:0 bits=64\n");
        let finding = evaluate("/bin/r", &line("7.0.15"));
        assert_eq!(
            finding,
            Finding::right(SUBJECT, "/bin/r has version 7.0.15")
        );
        assert!(evaluate("/bin/r", &line("10.1.0")).fix.is_none());
        assert!(evaluate("/bin/r", &line("6.2.14")).fix.is_some());
        assert!(evaluate("/bin/r", "usage: r").fix.is_some());
    }

    #[test]
    fn valkey_is_taken_before_redis() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name);
        let path = env::join_paths([place("none"), folder.path().to_owned()]).unwrap();
        assert_eq!(search(&path), None);
        std::fs::write(place("redis-server"), "").unwrap();
        assert_eq!(search(&path), Some(place("redis-server")));
        std::fs::write(place("valkey-server"), "").unwrap();
        assert_eq!(search(&path), Some(place("valkey-server")));
    }
}
