//! Clients of the three interfaces: HTTP/1.1, the event socket, and Redis' own protocol. Blocking
//! and small; every wait of theirs ends after [`PATIENCE`].

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::model::Totals;

/// Longer than anything a healthy daemon lets a client wait, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        let same = |(known, _): &&(String, String)| known.eq_ignore_ascii_case(name);
        self.headers
            .iter()
            .find(same)
            .map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("{e} in the answer {}: {}", self.status, self.text()))
    }
}

/// One request on a connection of its own. A `host` header given replaces the usual one.
pub fn request(
    to: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Response> {
    let stream = TcpStream::connect_timeout(&to, PATIENCE)?;
    request_on(stream, method, path, headers, body)
}

/// The only request on a connection.
pub fn request_on(
    stream: TcpStream,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Response> {
    let to = stream.peer_addr()?;
    stream.set_read_timeout(Some(PATIENCE))?;
    exchange(stream, &to.to_string(), method, path, headers, body)
}

/// One request to the control socket.
pub fn request_control(
    socket: &Path,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Response> {
    let stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    exchange(stream, "localhost", method, path, headers, body)
}

fn exchange(
    mut stream: impl Read + Write,
    to: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Response> {
    let mut head = format!("{method} {path} HTTP/1.1\r\n");
    let given = |name: &str| {
        headers
            .iter()
            .any(|(known, _)| known.eq_ignore_ascii_case(name))
    };
    if !given("host") {
        head += &format!("host: {to}\r\n");
    }
    if !given("connection") {
        head += "connection: close\r\n";
    }
    if !body.is_empty() {
        head += &format!("content-length: {}\r\n", body.len());
    }
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    // In one piece: who refuses the head may have closed before a second one.
    stream.write_all(&[head.as_bytes(), b"\r\n", body].concat())?;
    read_response(&mut BufReader::new(stream))
}

fn read_response(reader: &mut impl BufRead) -> io::Result<Response> {
    let broken = || io::Error::from(io::ErrorKind::InvalidData);
    let first = read_line(reader)?;
    let status = first
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .ok_or_else(broken)?;
    let mut response = Response {
        status,
        headers: Vec::new(),
        body: Vec::new(),
    };
    loop {
        let line = read_line(reader)?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').ok_or_else(broken)?;
        response
            .headers
            .push((name.to_owned(), value.trim().to_owned()));
    }
    let length = response
        .header("content-length")
        .and_then(|text| text.parse::<u64>().ok());
    if status == 101 || status == 204 || status == 304 {
        return Ok(response);
    }
    let mut body = Vec::new();
    if response.header("transfer-encoding") == Some("chunked") {
        loop {
            let size = u64::from_str_radix(&read_line(reader)?, 16).map_err(|_| broken())?;
            reader.take(size).read_to_end(&mut body)?;
            read_line(reader)?;
            if size == 0 {
                break;
            }
        }
    } else {
        reader
            .take(length.unwrap_or(u64::MAX))
            .read_to_end(&mut body)?;
    }
    response.body = body;
    Ok(response)
}

fn read_line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub line: u64,
    pub error: String,
}

/// Everything one connection to the event socket was answered, until now.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    pub totals: Totals,
    pub refusals: Vec<Refusal>,
    pub omitted: u64,
}

/// A connection to the event socket.
pub struct Client {
    stream: BufReader<UnixStream>,
    answer: Answer,
}

impl Client {
    pub fn connect(socket: &Path) -> io::Result<Client> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Client {
            stream: BufReader::new(stream),
            answer: Answer::default(),
        })
    }

    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    pub fn send_line(&mut self, line: &Value) -> io::Result<()> {
        self.send(format!("{line}\n").as_bytes())
    }

    /// Reads until `lines` lines of this connection are in its totals.
    pub fn read_until(&mut self, lines: u64) -> io::Result<&Answer> {
        while self.answer.totals.handled() < lines {
            if !self.read_one()? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(&self.answer)
    }

    /// Half-closes and reads to the end: the totals are final.
    pub fn finish(mut self) -> io::Result<Answer> {
        self.stream.get_ref().shutdown(Shutdown::Write)?;
        while self.read_one()? {}
        Ok(self.answer)
    }

    fn read_one(&mut self) -> io::Result<bool> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Ok(false);
        }
        let told: Value = serde_json::from_str(&line)?;
        let count = |field: &str| told[field].as_u64();
        if let (Some(line), Some(error)) = (count("line"), told["error"].as_str()) {
            self.answer.refusals.push(Refusal {
                line,
                error: error.to_owned(),
            });
        } else if let Some(more) = count("refusals_omitted") {
            self.answer.omitted += more;
        } else {
            self.answer.totals = totals(&told).ok_or(io::ErrorKind::InvalidData)?;
        }
        Ok(true)
    }
}

/// `{"accepted":12,"duplicate":1,"rejected":1,"progress":0}`, all four of them.
pub fn totals(told: &Value) -> Option<Totals> {
    Some(Totals {
        accepted: told["accepted"].as_u64()?,
        duplicate: told["duplicate"].as_u64()?,
        rejected: told["rejected"].as_u64()?,
        progress: told["progress"].as_u64()?,
    })
}

/// Sends `bytes` on a connection of their own and reads the final answer.
pub fn tell(socket: &Path, bytes: &[u8]) -> io::Result<Answer> {
    let mut client = Client::connect(socket)?;
    client.send(bytes)?;
    client.finish()
}

/// An answer of Redis (RESP2).
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    Text(String),
    Number(i64),
    Nil,
    List(Vec<Reply>),
    Error(String),
}

impl Reply {
    pub fn text(&self) -> String {
        match self {
            Reply::Text(text) => text.clone(),
            Reply::Number(number) => number.to_string(),
            other => panic!("not a text of Redis: {other:?}"),
        }
    }

    pub fn texts(&self) -> Vec<String> {
        match self {
            Reply::List(items) => items.iter().map(Reply::text).collect(),
            other => panic!("not a list of Redis: {other:?}"),
        }
    }

    /// A flat list of names and values.
    pub fn pairs(&self) -> Vec<(String, String)> {
        self.texts()
            .chunks(2)
            .map(|pair| (pair[0].clone(), pair[1].clone()))
            .collect()
    }
}

/// A connection to a Redis server on its Unix socket.
pub struct RedisLink(BufReader<UnixStream>);

impl RedisLink {
    pub fn connect(socket: &Path) -> io::Result<RedisLink> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(RedisLink(BufReader::new(stream)))
    }

    pub fn run(&mut self, command: &[&str]) -> io::Result<Reply> {
        let mut bytes = format!("*{}\r\n", command.len());
        for word in command {
            bytes += &format!("${}\r\n{word}\r\n", word.len());
        }
        self.0.get_mut().write_all(bytes.as_bytes())?;
        self.read()
    }

    fn read(&mut self) -> io::Result<Reply> {
        let line = read_line(&mut self.0)?;
        let rest = line.get(1..).unwrap_or_default();
        let number = || rest.parse::<i64>().map_err(|_| io::ErrorKind::InvalidData);
        Ok(match line.as_bytes().first() {
            Some(b'+') => Reply::Text(rest.to_owned()),
            Some(b'-') => Reply::Error(rest.to_owned()),
            Some(b':') => Reply::Number(number()?),
            Some(b'$' | b'*') if number()? < 0 => Reply::Nil,
            Some(b'$') => {
                let mut bytes = vec![0; number()? as usize + 2];
                self.0.read_exact(&mut bytes)?;
                bytes.truncate(bytes.len() - 2);
                Reply::Text(String::from_utf8_lossy(&bytes).into_owned())
            }
            Some(b'*') => Reply::List(
                (0..number()?)
                    .map(|_| self.read())
                    .collect::<Result<_, _>>()?,
            ),
            _ => return Err(io::ErrorKind::InvalidData.into()),
        })
    }
}
