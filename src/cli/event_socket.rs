//! Where events are sent to.

use std::path::PathBuf;

use super::failure::Failure;
use super::runtime::block_on;
use agentpulse_client::Control;
use agentpulse_config::{Config, Source};

/// Where the daemon of these settings accepts events. The socket and the data folder both name a
/// daemon: the socket counts when it was given, and the folder not more directly. Else the daemon
/// of the folder is asked, as it may have been started with another socket.
pub fn event_socket(config: &Config) -> Result<PathBuf, Failure> {
    let socket = origin(config, "socket.path");
    if socket == Source::Default || (socket as u8) < origin(config, "data.dir") as u8 {
        let status = block_on(Control::of(config).status())?.unwrap_or_default();
        if let Some(socket) = status["socket"].as_str() {
            return Ok(socket.into());
        }
    }
    // A daemon that does not answer may still listen there.
    Ok(config.socket.path.clone())
}

fn origin(config: &Config, key: &str) -> Source {
    let mut settings = config.describe().iter();
    let setting = settings.find(|setting| setting.key == key);
    setting.map_or(Source::Default, |setting| setting.source)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::os::unix::net::UnixListener;
    use std::path::Path;

    use super::*;
    use agentpulse_contract::data_folder::CONTROL_SOCKET;

    /// Serves one connection with fixed bytes and answers the first line of the request.
    fn stand_in(folder: &Path, answer: &'static str) -> std::thread::JoinHandle<String> {
        let listener = UnixListener::bind(folder.join(CONTROL_SOCKET)).unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let first = lines.next().unwrap().unwrap();
            while !lines.next().unwrap().unwrap().is_empty() {}
            stream.write_all(answer.as_bytes()).unwrap();
            first
        })
    }

    /// The folder is given by a flag; the socket by `flags` and `env`.
    fn socket_for(folder: &Path, flags: &[(&str, &str)], env: &[(&str, &str)]) -> PathBuf {
        let owned = |&(key, value): &(&str, &str)| (key.to_owned(), value.to_owned());
        let mut flags: Vec<_> = flags.iter().map(owned).collect();
        flags.push(("data.dir".into(), folder.to_str().unwrap().into()));
        let config = Config::load(None, env.iter().map(owned), &flags).unwrap();
        event_socket(&config).unwrap()
    }

    #[test]
    fn events_go_to_the_daemon_of_the_folder_unless_a_socket_is_given() {
        let folder = tempfile::tempdir().unwrap();
        let env = [("HOME", "/h"), ("AGENTPULSE_SOCKET", "/env.sock")];
        let at_home = &env[..1];
        let default = folder.path().join("agentpulse.sock");
        assert_eq!(socket_for(folder.path(), &[], at_home), default);
        assert_eq!(socket_for(folder.path(), &[], &env), Path::new("/env.sock"));

        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{\"socket\":\"/a.sock\"}";
        for env in [at_home, &env] {
            let folder = tempfile::tempdir().unwrap();
            let server = stand_in(folder.path(), answer);
            assert_eq!(socket_for(folder.path(), &[], env), Path::new("/a.sock"));
            assert_eq!(server.join().unwrap(), "GET /control/status HTTP/1.1");
        }
        let flags = [("socket.path", "/flag.sock")];
        let given = socket_for(folder.path(), &flags, &env);
        assert_eq!(given, Path::new("/flag.sock"));
    }
}
