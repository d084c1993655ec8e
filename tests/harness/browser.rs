//! A headless Chromium, driven by its own DevTools protocol: one page, what it asked for, and what
//! it complained of.

use std::fs;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::{Value, json};
use tempfile::TempDir;
use tungstenite::{Error, Message, WebSocket};

use super::folder::folder;
use super::time::{DEADLINE, PAUSE, eventually};

const PROGRAMS: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];
const MAC: &str = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome";
/// Nothing but the page may speak to the network.
const FLAGS: [&str; 9] = [
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--disable-extensions",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--remote-debugging-port=0",
];

pub struct Browser {
    child: Child,
    profile: TempDir,
    socket: WebSocket<TcpStream>,
    session: Option<String>,
    last_id: u64,
    /// The addresses of all requests and WebSockets.
    pub requests: Vec<String>,
    /// What stands in the console as an error or a warning, and exceptions.
    pub complaints: Vec<Complaint>,
}

#[derive(Clone, Debug)]
pub struct Complaint {
    /// A request that had no answer, or one that says no.
    pub of_network: bool,
    pub text: String,
}

impl Browser {
    /// Returns `None` if there is no Chromium: that is printed on the terminal, past what a test
    /// run captures.
    pub fn start() -> Option<Browser> {
        let Some(program) = find() else {
            let words = "SKIPPED: a test of the page, for want of Chromium: see deploy/setup.sh\n";
            io::stderr().write_all(words.as_bytes()).expect("stderr");
            return None;
        };
        let profile = folder();
        let mut command = Command::new(program);
        command
            .args(FLAGS)
            .arg(format!("--user-data-dir={}", profile.path().display()));
        // Its sandbox refuses to work for root.
        if rustix::process::geteuid().is_root() {
            command.arg("--no-sandbox");
        }
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.stderr(Stdio::null()).spawn();
        let child = child.expect("Chromium starts");
        let socket = connect(profile.path());
        let mut browser = Browser {
            child,
            profile,
            socket,
            session: None,
            last_id: 0,
            requests: Vec::new(),
            complaints: Vec::new(),
        };
        browser.attach();
        Some(browser)
    }

    fn attach(&mut self) {
        let target = self.call("Target.createTarget", json!({"url": "about:blank"}));
        let target = json!({"targetId": target["targetId"], "flatten": true});
        let attached = self.call("Target.attachToTarget", target);
        self.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            self.call(&format!("{domain}.enable"), json!({}));
        }
    }

    /// Before any script of the next page.
    pub fn before_pages(&mut self, script: &str) {
        let source = json!({"source": script});
        self.call("Page.addScriptToEvaluateOnNewDocument", source);
    }

    pub fn open(&mut self, url: &str) {
        self.call("Page.navigate", json!({"url": url}));
    }

    /// A key by its name; one that writes is its own name.
    pub fn press(&mut self, key: &str) {
        let text = if key.len() == 1 { key } else { "" };
        let code = if key == "Escape" { 27 } else { 0 };
        let mut event = json!({"key": key, "text": text, "windowsVirtualKeyCode": code});
        for kind in ["keyDown", "keyUp"] {
            event["type"] = json!(kind);
            self.call("Input.dispatchKeyEvent", event.clone());
            event["text"] = json!("");
        }
    }

    /// In pixels; without scroll bars.
    pub fn resize(&mut self, width: u64, height: u64) {
        let hidden = json!({"hidden": true});
        self.call("Emulation.setScrollbarsHidden", hidden);
        let size =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", size);
    }

    /// The top of what is seen of the page, as PNG.
    pub fn picture(&mut self, width: u64, height: u64) -> Vec<u8> {
        let clip = json!({"x": 0, "y": 0, "width": width, "height": height, "scale": 1});
        let format = json!({"format": "png", "clip": clip});
        let picture = self.call("Page.captureScreenshot", format);
        let encoded = picture["data"].as_str().expect("a picture");
        BASE64_STANDARD.decode(encoded).expect("base64")
    }

    /// The value of an expression in the page.
    pub fn evaluate(&mut self, expression: &str) -> Value {
        let asked = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let answer = self.call("Runtime.evaluate", asked);
        assert!(
            answer["exceptionDetails"].is_null(),
            "{expression}: {answer}"
        );
        answer["result"]["value"].clone()
    }

    /// The text of the first element of a selector; empty where there is none.
    pub fn text(&mut self, selector: &str) -> String {
        let text = format!("document.querySelector({selector:?})?.innerText ?? ''");
        self.evaluate(&text).as_str().unwrap_or_default().to_owned()
    }

    /// Waits until the text of an element has some words.
    #[track_caller]
    pub fn shows(&mut self, selector: &str, words: &str) {
        eventually(selector, || {
            let text = self.text(selector);
            let found = text.contains(words);
            let missing = || format!("no {words:?} in {text:?}; {:?}", self.complaints);
            found.then_some(()).ok_or_else(missing)
        });
    }

    fn call(&mut self, method: &str, params: Value) -> Value {
        self.last_id += 1;
        let mut command = json!({"id": self.last_id, "method": method, "params": params});
        if let Some(session) = &self.session {
            command["sessionId"] = json!(session);
        }
        let command = Message::text(command.to_string());
        self.socket.send(command).expect("Chromium listens");
        let begin = Instant::now();
        loop {
            assert!(begin.elapsed() < DEADLINE, "{method} has no answer");
            let text = match self.socket.read() {
                Ok(Message::Text(text)) => text,
                Ok(_) => continue,
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => panic!("Chromium answers: {error}"),
            };
            let message: Value = serde_json::from_str(&text).expect("JSON");
            if message["id"] == self.last_id {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].clone();
            }
            self.note(&message);
        }
    }

    fn note(&mut self, event: &Value) {
        let params = &event["params"];
        match event["method"].as_str().unwrap_or_default() {
            "Network.requestWillBeSent" => self.requested(&params["request"]["url"]),
            "Network.webSocketCreated" => self.requested(&params["url"]),
            "Runtime.exceptionThrown" => self.complain(false, &params["exceptionDetails"]),
            "Runtime.consoleAPICalled"
                if params["type"] == "error" || params["type"] == "warning" =>
            {
                self.complain(false, params);
            }
            "Log.entryAdded" if params["entry"]["level"] == "error" => {
                // A WebSocket that is rejected is reported as a thing of scripts.
                let entry = &params["entry"];
                let text = entry["text"].as_str().unwrap_or_default();
                let of_network = entry["source"] == "network" || text.starts_with("WebSocket");
                self.complain(of_network, entry);
            }
            _ => {}
        }
    }

    fn requested(&mut self, url: &Value) {
        self.requests
            .push(url.as_str().unwrap_or_default().to_owned());
    }

    fn complain(&mut self, of_network: bool, of: &Value) {
        let text = of.to_string();
        self.complaints.push(Complaint { of_network, text });
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // Its other processes end a moment later, and may still write.
        let begin = Instant::now();
        while fs::remove_dir_all(self.profile.path()).is_err() && begin.elapsed() < DEADLINE {
            std::thread::park_timeout(PAUSE);
        }
    }
}

fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let in_path = PROGRAMS
        .iter()
        .flat_map(|name| places.iter().map(move |place| place.join(name)));
    in_path
        .chain([PathBuf::from(MAC)])
        .find(|program| program.is_file())
}

/// It writes where it listens: the port, and the path of the browser's own WebSocket.
fn connect(profile: &Path) -> WebSocket<TcpStream> {
    let (port, path) = eventually("Chromium listens", || {
        let text = fs::read_to_string(profile.join("DevToolsActivePort"));
        let text = text.map_err(|error| error.to_string())?;
        let (port, path) = text.split_once('\n').ok_or("not all is written")?;
        let port: u16 = port.parse().map_err(|_| "no port")?;
        Ok((port, path.trim().to_owned()))
    });
    let to = SocketAddr::from(([127, 0, 0, 1], port));
    let stream = TcpStream::connect(to).expect("Chromium listens");
    stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
    let url = format!("ws://{to}{path}");
    let (socket, _) = tungstenite::client(url, stream).expect("a WebSocket");
    socket
}
