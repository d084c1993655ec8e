//! A Redis server of the bench's own, for the Python hook.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(10);

pub struct Redis {
    pub port: u16,
    child: Child,
}

impl Redis {
    /// None where neither server is installed.
    pub fn start(folder: &Path) -> Option<Redis> {
        let port = free_port();
        let start = |program| {
            Command::new(program)
                .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
                .args(["--save", "", "--appendonly", "no", "--dir"])
                .arg(folder)
                .stdout(Stdio::null())
                .spawn()
        };
        let child = start("valkey-server")
            .or_else(|_| start("redis-server"))
            .ok()?;
        let redis = Redis { port, child };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < PATIENCE, "Redis does not listen");
            thread::sleep(Duration::from_millis(5));
        }
        Some(redis)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

/// Whether this Python has redis-py; what it says of it goes to standard error.
pub fn has_client(python: &str) -> bool {
    let child = Command::new(python)
        .args(["-c", "import redis"])
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else { return false };
    let mut said = String::new();
    if let Some(stderr) = child.stderr.as_mut() {
        // What cannot be read is not missed: the exit status says what matters.
        let _ = stderr.read_to_string(&mut said);
    }
    child.wait().is_ok_and(|status| status.success())
}
