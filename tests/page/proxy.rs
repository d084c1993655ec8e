//! The page behind a reverse proxy that serves the daemon below a path of its own.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;

use serde_json::Value;

use crate::harness::browser::Browser;
use crate::harness::events::{start, stop};
use crate::harness::{Daemon, Setup, eventually, wire};
use crate::security::keys::create;

const PREFIX: &str = "/pulse";

/// Passes on what is asked below [`PREFIX`], without it, and nothing else. It ends with the test.
fn proxy(daemon: &Daemon) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let to = daemon.http;
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            thread::spawn(move || pass_on(client, to));
        }
    });
    address
}

/// One request a connection, and of a WebSocket all that follows.
fn pass_on(client: TcpStream, to: SocketAddr) -> io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut words = first.split(' ');
    let (method, path) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let inner = match path.strip_prefix(PREFIX) {
        // As a proxy that is not configured to lead to the path with its slash.
        Some("") => "/",
        Some(inner) if inner.starts_with('/') => inner,
        _ => return (&client).write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"),
    };
    let mut head = format!("{method} {inner} HTTP/1.1\r\n");
    let mut upgrades = false;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        let name = line.split(':').next().unwrap_or("").to_ascii_lowercase();
        upgrades |= name == "upgrade";
        if name != "connection" {
            head += &line;
        }
    }
    head += if upgrades {
        "connection: upgrade\r\n\r\n"
    } else {
        "connection: close\r\n\r\n"
    };
    let server = TcpStream::connect(to)?;
    (&server).write_all(head.as_bytes())?;
    let (mut back, mut out) = (server.try_clone()?, client.try_clone()?);
    let answers = thread::spawn(move || {
        let _ = io::copy(&mut back, &mut out);
        let _ = out.shutdown(Shutdown::Both);
    });
    let mut rest = Vec::new();
    if upgrades {
        let _ = io::copy(&mut reader, &mut &server);
        let _ = server.shutdown(Shutdown::Both);
    } else {
        // Until the client has its answer.
        let _ = reader.read_to_end(&mut rest);
    }
    let _ = answers.join();
    Ok(())
}

/// Everything that was asked for lies below the path, and nothing stands in the console.
#[track_caller]
fn stays_below(browser: &Browser, proxy: SocketAddr) {
    let own = ["http", "ws"].map(|scheme| format!("{scheme}://{proxy}{PREFIX}/"));
    assert!(browser.requests.len() > 20, "{:?}", browser.requests);
    for url in &browser.requests {
        let is_own = own.iter().any(|own| url.starts_with(own));
        assert!(is_own, "a request to {url}");
    }
    let streams = browser.requests.iter().filter(|url| url.starts_with("ws"));
    assert_eq!(streams.count(), 1, "{:?}", browser.requests);
}

#[test]
fn below_a_path_of_a_proxy_the_page_works_as_at_the_root() {
    let daemon = Setup::new().start();
    daemon.accept(&[start("one")]);
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let proxy = proxy(&daemon);
    browser.open(&format!("http://{proxy}{PREFIX}/?embed=1#range=7d&run=one"));
    browser.shows("#link", "Live");
    browser.shows("#run[open] .facts", "one");
    browser.press("Escape");
    browser.shows("#running [data-id=one]", "zorp");
    daemon.accept(&[start("two"), stop("one")]);
    browser.shows("#running [data-id=two]", "zorp");
    browser.shows("[data-card=executions] .below", "1 in 7 days");
    let styled = "getComputedStyle(document.querySelector('.unstyled')).display";
    assert_eq!(browser.evaluate(styled), "none");
    let address = browser.evaluate("location.pathname + location.search");
    assert_eq!(address, "/pulse/?embed=1");
    stays_below(&browser, proxy);
    assert!(browser.complaints.is_empty(), "{:?}", browser.complaints);
}

#[test]
fn a_key_opens_the_page_below_a_path_too() {
    let daemon = Setup::new().start();
    let key = create(&daemon, "page", "read");
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let proxy = proxy(&daemon);
    browser.open(&format!("http://{proxy}{PREFIX}/"));
    browser.shows("#key[open]", "agentpulse key create");
    browser.evaluate(&format!(
        "document.querySelector('#key-input').value = {key:?}; \
         document.querySelector('#key form').requestSubmit()"
    ));
    browser.shows("#link", "Live");
    let own = format!("{proxy}{PREFIX}/");
    for url in &browser.requests {
        assert!(url.contains(&own), "a request to {url}");
    }
}

#[test]
fn without_the_slash_at_its_end_the_page_says_what_is_missing() {
    let daemon = Setup::new().start();
    let Some(mut browser) = Browser::start() else {
        return;
    };
    browser.open(&format!("http://{}{PREFIX}", proxy(&daemon)));
    browser.shows(".unstyled", "does not end in a slash");
}

#[test]
fn the_document_says_where_the_routes_are_below_a_path() {
    let daemon = Setup::new().start();
    let path = format!("{PREFIX}/api/openapi.json");
    let told = wire::request(proxy(&daemon), "GET", &path, &[], b"").expect("an answer");
    let document: Value = told.json();
    // Relative to the document's own address.
    assert_eq!(document["servers"][0]["url"], "..");
    eventually("no answer leads elsewhere", || {
        for path in ["/", "/assets/app.js", "/health", "/none"] {
            let told = daemon.get(path);
            if let Some(location) = told.header("location") {
                return Err(format!("{path} leads to {location}"));
            }
        }
        Ok(())
    });
}
