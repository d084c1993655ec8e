//! Where the socket and the spool are: the same rules as the daemon's defaults.

use std::ffi::OsString;
use std::path::PathBuf;

use agentpulse_contract::environment as env;
use agentpulse_contract::{data_folder, spool};

/// None stands for a path that the environment does not define.
pub struct Places {
    pub socket: Option<PathBuf>,
    pub spool: Option<PathBuf>,
    /// `spool.max_bytes` of the environment, in bytes; the daemon's own value is in a file.
    pub spool_max_bytes: Option<u64>,
}

impl Places {
    /// An empty variable counts as absent; so does a relative path in one of the XDG directories,
    /// as their specification asks. `home` is called if no variable is set.
    pub fn find(
        variable: impl Fn(&str) -> Option<OsString>,
        home: impl FnOnce() -> Option<PathBuf>,
    ) -> Self {
        let path = |name| {
            variable(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let directory = |name| path(name).filter(|path| path.is_absolute());
        let (socket, spool) = (path(env::SOCKET), path(env::SPOOL));
        let data = if socket.is_some() && spool.is_some() {
            None
        } else {
            let home = || path(env::HOME).or_else(home);
            data_folder::by_default(directory(env::XDG_STATE_HOME), home)
        };
        let socket_folder = directory(env::XDG_RUNTIME_DIR).or_else(|| data.clone());
        Self {
            socket: socket.or_else(|| Some(socket_folder?.join(data_folder::EVENT_SOCKET))),
            spool: spool.or_else(|| Some(data?.join(data_folder::SPOOL))),
            spool_max_bytes: variable(env::SPOOL_MAX_BYTES)
                .and_then(|value| value.to_str()?.parse().ok()),
        }
    }

    /// The folders for lines, the best one first. The second stands in for one that cannot be
    /// created or written: if home is read-only or full, the socket often lies in memory. A user
    /// who can read or forge lines there could do so through the socket as well.
    pub fn spools(&self) -> Vec<PathBuf> {
        let beside_socket = self.socket.as_deref().map(spool::beside_socket);
        let spool = self.spool.clone();
        spool.into_iter().chain(beside_socket).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn found(variables: &[(&str, &str)]) -> Places {
        let variable = |name: &str| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| OsString::from(value))
        };
        Places::find(variable, || Some(PathBuf::from("/home/of-passwd")))
    }

    fn check(variables: &[(&str, &str)], socket: Option<&str>, spool: Option<&str>) {
        let places = found(variables);
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
        let passwd_state = "/home/of-passwd/.local/state/agentpulse";
        check(
            &[],
            Some(&format!("{passwd_state}/agentpulse.sock")),
            Some(&format!("{passwd_state}/spool")),
        );
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
    fn without_a_home_there_are_the_named_places_only() {
        let places = Places::find(
            |name| (name == "AGENTPULSE_SOCKET").then(|| OsString::from("/a/sock")),
            || None,
        );
        assert_eq!(places.socket.as_deref(), Some(Path::new("/a/sock")));
        assert_eq!(places.spool, None);
        assert_eq!(places.spools(), [Path::new("/a/sock.spool")]);
    }

    #[test]
    fn the_second_spool_lies_beside_the_socket() {
        let places = found(&[("HOME", "/home/dev"), ("XDG_RUNTIME_DIR", "/run/user/1000")]);
        let expect = [
            "/home/dev/.local/state/agentpulse/spool",
            "/run/user/1000/agentpulse.sock.spool",
        ];
        assert_eq!(places.spools(), expect.map(PathBuf::from));
    }

    #[test]
    fn the_bound_of_the_spool_is_a_number_of_bytes() {
        let bound = |value| found(&[("AGENTPULSE_SPOOL_MAX_BYTES", value)]).spool_max_bytes;
        assert_eq!(bound("1000"), Some(1000));
        assert_eq!(bound("many"), None);
        assert_eq!(found(&[]).spool_max_bytes, None);
    }
}
