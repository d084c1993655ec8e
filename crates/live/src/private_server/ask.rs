//! What the private server is asked, and what its answers mean.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::PathBuf;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::conf::{self, Setting};
use super::disk::{free, free_bytes};
use super::error::Error;
use super::server::{ANSWER_DEADLINE, Server};

/// Every reply but the settings of long paths fits one read.
const REPLY_BYTES: usize = 8 << 10;
const REPLY_MAX_BYTES: usize = 64 << 10;
/// A server that cannot even write its first, empty files needs less.
const NO_ROOM_BYTES: u64 = 64 << 10;

impl Server {
    /// The first that it answers.
    pub async fn ask(&self, command: &str) -> io::Result<String> {
        let reply = self.exchange(command, |_| true).await?;
        Ok(String::from_utf8_lossy(&reply).into_owned())
    }

    async fn exchange(&self, command: &str, is_whole: fn(&[u8]) -> bool) -> io::Result<Vec<u8>> {
        let exchange = async {
            let mut stream = UnixStream::connect(&self.socket).await?;
            stream
                .write_all(format!("{command}\r\n").as_bytes())
                .await?;
            let mut reply = Vec::with_capacity(REPLY_BYTES);
            while reply.len() < REPLY_MAX_BYTES {
                let count = stream.read_buf(&mut reply).await?;
                if count == 0 || is_whole(&reply) {
                    break;
                }
            }
            Ok(reply)
        };
        timeout(ANSWER_DEADLINE, exchange).await?
    }

    /// Why it does not serve us, by its error.
    pub fn refused(&self, reply: &str) -> Error {
        let reply = reply.trim_end().trim_start_matches('-');
        if !reply.starts_with("MISCONF") {
            return Error::other(format!("{}: {reply}", self.socket.display()));
        }
        Error::no_file(format!(
            "the private Redis cannot write its append-only file in {}, where {}: {reply}",
            self.dir.display(),
            free(&self.dir)
        ))
    }

    /// Why it ended at once, as far as that shows: without room it cannot even write its log.
    pub fn ended_at_once(&self) -> Error {
        if free_bytes(&self.dir).is_some_and(|free| free < NO_ROOM_BYTES) {
            return Error::no_file(format!(
                "the private Redis cannot write its append-only file in {}: the disk is full, {}",
                self.dir.display(),
                free(&self.dir)
            ));
        }
        Error::other(format!(
            "{} ended at once: see {}",
            self.program.display(),
            self.logfile().display()
        ))
    }

    /// Whether it works in our folder.
    pub async fn is_ours(&self) -> Result<bool, Error> {
        let dir = self.real_dir()?;
        Ok(self.difference(&[("dir", dir.as_os_str())]).await.is_none())
    }

    /// Whether it has the settings that it was given. One that read another configuration may
    /// listen on a TCP port of all interfaces, or drop counts.
    pub async fn check(&self) -> Result<(), Error> {
        let (dir, maxmemory) = (self.real_dir()?, OsString::from(self.maxmemory.to_string()));
        let wanted: [Setting; 7] = [
            ("port", OsStr::new("0")),
            ("tls-port", OsStr::new("0")),
            ("unixsocket", self.socket.as_os_str()),
            ("dir", dir.as_os_str()),
            ("maxmemory", &maxmemory),
            ("maxmemory-policy", OsStr::new("noeviction")),
            ("appendonly", OsStr::new("yes")),
        ];
        match self.difference(&wanted).await {
            None => Ok(()),
            Some(reason) => Err(Error::other(format!(
                "the private Redis does not have its settings ({reason}), and is ended"
            ))),
        }
    }

    async fn difference(&self, wanted: &[Setting<'_>]) -> Option<String> {
        let names = wanted.iter().map(|(name, _)| format!(" {name}"));
        let command = format!("CONFIG GET{}", names.collect::<String>());
        let is_whole = |reply: &[u8]| reply.starts_with(b"-") || conf::settings(reply).is_some();
        match self.exchange(&command, is_whole).await {
            Ok(reply) => match conf::settings(&reply) {
                Some(found) => conf::difference(wanted, &found),
                None => Some(String::from_utf8_lossy(&reply).trim_end().to_owned()),
            },
            Err(error) => Some(error.to_string()),
        }
    }

    /// As a server reports its working folder: without links.
    fn real_dir(&self) -> Result<PathBuf, Error> {
        fs::canonicalize(&self.dir).map_err(|error| Error::of_file(&self.dir, &error))
    }
}
