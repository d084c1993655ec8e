//! How a daemon is started: its configuration, its place, its environment.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::folder::{folder, kill_private_redis, log_path, socket_path};
use super::program::{program, wait_exit};
use super::redis_server::Redis;

const CRASH_AT: &str = "AGENTPULSE_CRASH_AT";

/// How a daemon is to be started.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Settings by their dotted names; values as TOML writes them.
    settings: BTreeMap<String, String>,
    /// Text that stands in the configuration file as it is.
    raw: String,
    redis: Option<String>,
    environment: Vec<(String, String)>,
    /// `None` if the settings say it.
    listen: Option<String>,
    /// Another path for the socket than its default.
    socket: Option<PathBuf>,
    disk_mib: Option<u32>,
}

impl Setup {
    /// A daemon with its own Redis, that flushes soon, ends no execution by itself, counts by the
    /// days of UTC, as the model does, and knows no definitions of who runs the tests.
    pub fn new() -> Setup {
        Setup::from_text("")
            .set("history.flush_interval", "\"1s\"")
            .set("reaper.idle_timeout", "\"6h\"")
            .set("reaper.tool_timeout", "\"6h\"")
            .set("time.zone", "\"UTC\"")
            .set("registry.folder", "\"/nonexistent/.claude\"")
    }

    pub fn set(mut self, name: &str, toml: &str) -> Setup {
        self.settings.insert(name.to_owned(), toml.to_owned());
        self
    }

    /// A daemon with this configuration file and nothing else in it.
    pub fn from_text(text: &str) -> Setup {
        Setup {
            settings: BTreeMap::new(),
            raw: text.to_owned(),
            redis: None,
            environment: Vec::new(),
            listen: Some("127.0.0.1:0".to_owned()),
            socket: None,
            disk_mib: None,
        }
    }

    pub fn redis(mut self, redis: &Redis) -> Setup {
        self.redis = Some(redis.url());
        self
    }

    pub fn environment(mut self, name: &str, value: &str) -> Setup {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The data folder is a small disk of its own. Returns `None` if that cannot be made.
    pub fn on_a_disk_of_mib(mut self, mib: u32) -> Option<Setup> {
        self.disk_mib = Some(mib);
        let probe = folder();
        let data = probe.path().join("d");
        let can = self.try_mount(&data);
        self.unmount(&data);
        can.then_some(self)
    }

    pub fn mount(&self, data: &Path) {
        assert!(self.try_mount(data), "a small disk");
    }

    fn try_mount(&self, data: &Path) -> bool {
        let Some(mib) = self.disk_mib else {
            return true;
        };
        fs::create_dir(data).expect("a new folder");
        let size = format!("size={mib}m,mode=0700");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(data);
        let done = mount.stderr(Stdio::null()).status();
        done.is_ok_and(|status| status.success())
    }

    pub fn unmount(&self, data: &Path) {
        if self.disk_mib.is_some() {
            let _ = Command::new("umount").arg("-l").arg(data).status();
        }
    }

    /// The daemon is to die at a place of the source, as `failpoint` names it.
    pub fn crash_at(self, place: &str) -> Setup {
        self.without_crash().environment(CRASH_AT, place)
    }

    pub fn without_crash(mut self) -> Setup {
        self.environment.retain(|(name, _)| name != CRASH_AT);
        self
    }

    pub fn listen(mut self, address: &str) -> Setup {
        self.listen = Some(address.to_owned());
        self
    }

    /// By a setting, which may be read again, and not by a flag.
    pub fn listen_by_setting(mut self, address: &str) -> Setup {
        self.listen = None;
        self.set("http.listen", &format!("\"{address}\""))
    }

    pub fn socket(mut self, path: &Path) -> Setup {
        self.socket = Some(path.to_owned());
        self
    }

    /// Starts a daemon that is expected to give up, in the folder `data`.
    pub fn run_to_exit(&self, data: &Path) -> Exit {
        let mut child = self.spawn(data);
        let status = wait_exit(&mut child);
        kill_private_redis(data);
        let log = fs::read_to_string(log_path(data)).unwrap_or_default();
        Exit {
            code: status.code(),
            log,
        }
    }

    /// As [`Setup::run_to_exit`], in a new folder.
    pub fn run_to_exit_anywhere(&self) -> Exit {
        let folder = folder();
        self.run_to_exit(&folder.path().join("d"))
    }

    /// The configuration file.
    pub fn text(&self) -> String {
        let lines = self.settings.iter();
        let lines = lines.map(|(name, value)| format!("{name} = {value}\n"));
        lines.collect::<String>() + &self.raw
    }

    pub fn spawn(&self, data: &Path) -> Child {
        let _ = fs::remove_file(data.join("http.addr"));
        let config = data.with_extension("toml");
        fs::write(&config, self.text()).expect("the configuration file");
        let log = || {
            File::options()
                .create(true)
                .append(true)
                .open(log_path(data))
                .expect("the log file")
        };
        let mut command = program();
        command
            .arg("serve")
            .arg("--config")
            .arg(&config)
            .arg("--data-dir")
            .arg(data);
        command
            .arg("--socket")
            .arg(self.socket.clone().unwrap_or_else(|| socket_path(data)));
        if let Some(address) = &self.listen {
            command.args(["--http", address]);
        }
        if let Some(url) = &self.redis {
            command.args(["--redis", url]);
        }
        command.envs(self.environment.iter().cloned());
        command.stdin(Stdio::null()).stdout(log()).stderr(log());
        command.spawn().expect("the daemon's program starts")
    }
}

/// How a daemon that gave up said so.
#[derive(Debug)]
pub struct Exit {
    pub code: Option<i32>,
    pub log: String,
}
