//! Where the socket and the spool are: the same rules as the daemon's defaults.

use std::ffi::OsString;
use std::path::PathBuf;

/// The spool is bounded so that a daemon that is gone for good does not fill a disk.
const SPOOL_MAX_BYTES: u64 = 64 * 1024 * 1024;

/// None stands for a place that the environment does not tell.
pub struct Places {
    pub socket: Option<PathBuf>,
    pub spool: Option<PathBuf>,
    pub spool_max_bytes: u64,
}

impl Places {
    /// An empty variable counts as absent; so does a relative path in one of the XDG directories,
    /// as their specification asks.
    pub fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let path = |name| {
            variable(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let directory = |name| path(name).filter(|path| path.is_absolute());
        let state = directory("XDG_STATE_HOME")
            .or_else(|| Some(path("HOME")?.join(".local").join("state")));
        let data = state.map(|state| state.join("agentpulse"));
        let socket_folder = directory("XDG_RUNTIME_DIR").or_else(|| data.clone());
        Self {
            socket: path("AGENTPULSE_SOCKET")
                .or_else(|| Some(socket_folder?.join("agentpulse.sock"))),
            spool: path("AGENTPULSE_SPOOL").or_else(|| Some(data?.join("spool"))),
            spool_max_bytes: variable("AGENTPULSE_SPOOL_MAX_BYTES")
                .and_then(|value| value.to_str()?.parse().ok())
                .unwrap_or(SPOOL_MAX_BYTES),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn check(variables: &[(&str, &str)], socket: Option<&str>, spool: Option<&str>) {
        let places = Places::from_variables(|name| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| OsString::from(value))
        });
        assert_eq!(
            places.socket.as_deref(),
            socket.map(Path::new),
            "{variables:?}"
        );
        assert_eq!(
            places.spool.as_deref(),
            spool.map(Path::new),
            "{variables:?}"
        );
    }

    #[test]
    fn named_places_win_over_the_defaults() {
        let home = ("HOME", "/home/dev");
        let home_state = "/home/dev/.local/state/agentpulse";
        let (home_socket, home_spool) = (
            format!("{home_state}/agentpulse.sock"),
            format!("{home_state}/spool"),
        );
        check(&[], None, None);
        check(&[home], Some(&home_socket), Some(&home_spool));
        check(
            &[home, ("XDG_RUNTIME_DIR", "/run/user/1000")],
            Some("/run/user/1000/agentpulse.sock"),
            Some(&home_spool),
        );
        check(
            &[home, ("XDG_STATE_HOME", "/state")],
            Some("/state/agentpulse/agentpulse.sock"),
            Some("/state/agentpulse/spool"),
        );
        check(
            &[
                home,
                ("XDG_STATE_HOME", "relative"),
                ("XDG_RUNTIME_DIR", ""),
            ],
            Some(&home_socket),
            Some(&home_spool),
        );
        check(
            &[
                home,
                ("AGENTPULSE_SOCKET", "/a/sock"),
                ("AGENTPULSE_SPOOL", "/a/spool"),
            ],
            Some("/a/sock"),
            Some("/a/spool"),
        );
    }

    #[test]
    fn the_bound_of_the_spool_is_a_number_of_bytes() {
        let bound = |value: Option<&str>| {
            Places::from_variables(|name| {
                value
                    .filter(|_| name == "AGENTPULSE_SPOOL_MAX_BYTES")
                    .map(OsString::from)
            })
            .spool_max_bytes
        };
        assert_eq!(bound(Some("1000")), 1000);
        assert_eq!(bound(None), 67_108_864);
        assert_eq!(bound(Some("many")), 67_108_864);
    }
}
