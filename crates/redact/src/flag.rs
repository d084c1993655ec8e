//! Secrets on a command line: behind a flag that says so, or behind one letter of a command that
//! is known to take a password there.

use super::bytes::{is_blank, run, walked};
use super::kind::Kind;
use super::mark::{MARK, Secret};
use super::trigger::Trigger;
use super::value::{
    bare_end, closing_quote, is_mixed, is_quote, is_secret_given, is_secret_placed, is_template,
    is_variable,
};

const MAX_NAME_BYTES: usize = 40;
/// Longer than a word of prose.
const MAX_WORD_BYTES: usize = 20;
/// From the command to the flag.
const MAX_COMMAND_BYTES: usize = 160;
/// Between a flag and its value in a list of arguments: `", "`.
const MAX_BETWEEN_BYTES: usize = 8;

#[derive(Clone, Copy, PartialEq)]
enum What {
    /// The whole value.
    Whole(Kind),
    /// What stands behind the first of these.
    After(u8),
    /// What stands behind `pass:`, as against a file.
    Source,
    Cookie,
}

const CLIENTS: &[&str] = &["curl", "wget", "http", "https", "xh"];
const PASSWORD: What = What::Whole(Kind::Password);
const USER: What = What::After(b':');

/// Flags of one letter: the commands, the letter, whether a value may stand apart from it.
const LETTERS: &[(&[&str], u8, bool, What)] = &[
    (
        &[
            "mysql",
            "mysqldump",
            "mysqladmin",
            "mysqlimport",
            "mysqlcheck",
            "mysqlsh",
            "mariadb",
            "mariadb-dump",
            "mariadb-admin",
            "mycli",
            "7z",
            "7za",
            "7zz",
            "rar",
            "unrar",
        ],
        b'p',
        false,
        PASSWORD,
    ),
    (
        &[
            "sshpass",
            "login",
            "mongo",
            "mongosh",
            "mongodump",
            "mongorestore",
            "mongoexport",
            "mongoimport",
            "cqlsh",
            "rabbitmqadmin",
            "impacket",
            "ldapsearch",
            "mqtt",
            "kinit",
            "twine",
            "ncftpput",
            "ncftpget",
            "snowsql",
            "rdesktop",
            "evil-winrm",
            "psexec",
            "useradd",
        ],
        b'p',
        true,
        PASSWORD,
    ),
    (CLIENTS, b'u', true, USER),
    (&["http", "https", "xh"], b'a', true, USER),
    (&["curl"], b'U', true, USER),
    (&["curl"], b'b', true, What::Cookie),
    (
        &["smbclient", "rpcclient", "net", "winexe"],
        b'U',
        true,
        What::After(b'%'),
    ),
    (&["redis-cli", "valkey-cli"], b'a', true, PASSWORD),
    (
        &[
            "ldapsearch",
            "ldapadd",
            "ldapmodify",
            "ldapdelete",
            "ldapwhoami",
            "ldappasswd",
        ],
        b'w',
        true,
        PASSWORD,
    ),
    (
        &[
            "sqlcmd",
            "bcp",
            "osql",
            "zip",
            "unzip",
            "ipmitool",
            "mosquitto_pub",
            "mosquitto_sub",
        ],
        b'P',
        true,
        PASSWORD,
    ),
];
/// Long flags that no ending of a name covers.
const LONG: &[(&str, What)] = &[
    ("user", USER),
    ("proxy-user", USER),
    ("auth", USER),
    ("cookie", What::Cookie),
    ("storepass", PASSWORD),
    ("keypass", PASSWORD),
    ("srcstorepass", PASSWORD),
    ("deststorepass", PASSWORD),
    ("passin", What::Source),
    ("passout", What::Source),
    ("requirepass", PASSWORD),
    ("oauth2-bearer", What::Whole(Kind::Token)),
    ("pat", What::Whole(Kind::Token)),
    ("secret-string", What::Whole(Kind::Secret)),
];

pub(super) fn trigger() -> Trigger {
    Trigger {
        first: b" \t\n\"'`([,=".to_vec(),
        second: vec![b'-'],
        find: Box::new(secret_at),
    }
}

/// The value of the flag whose first dash is at `at`.
fn secret_at(text: &[u8], at: usize) -> Option<Secret> {
    let dashes = run(&text[..text.len().min(at + 3)], at, |byte| byte == b'-');
    let from = at + dashes;
    let window = &text[..text.len().min(from + MAX_NAME_BYTES)];
    let length = run(window, from, |byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
    });
    if length == 0 || dashes > 2 {
        return None;
    }
    let name = &text[from..from + length];
    if dashes == 1 {
        let found = of_letter(text, at);
        if found.is_some() {
            return found;
        }
    }
    let what = of_long(text, at, name, dashes)?;
    // No prose has these, so that whatever word follows is the value.
    let is_prose = !(what == PASSWORD && LONG.iter().any(|(long, _)| long.as_bytes() == name));
    value_at(text, from + length, what, true, is_prose)
}

/// The value of a flag of one letter, where a command stands before it that is known.
fn of_letter(text: &[u8], at: usize) -> Option<Secret> {
    let end = at + "-p".len();
    let known = LETTERS
        .iter()
        .filter(|(_, letter, ..)| *letter == text[at + 1]);
    let next = *text.get(end)?;
    // In a list of arguments a quote closes the flag; else it opens the value.
    let is_closed = is_quote(next) && at > 0 && text[at - 1] == next;
    let is_attached = !is_blank(next) && !is_closed;
    // The value first: it is next to the flag, and the command may be far.
    known
        .filter(|(_, _, is_apart, _)| is_attached || *is_apart)
        .find_map(|(commands, .., what)| {
            let secret = value_at(text, end, *what, !is_attached, false)?;
            is_of(text, at, commands).then_some(secret)
        })
}

fn of_long(text: &[u8], at: usize, name: &[u8], dashes: usize) -> Option<What> {
    let known = LONG.iter().find(|(long, _)| long.as_bytes() == name);
    match known {
        // A container has a user and a group of that form.
        Some((_, USER)) => is_of(text, at, CLIENTS).then_some(USER),
        Some((_, what)) => Some(*what),
        None if name.len() > 3 => Kind::of(&text[at..at + dashes + name.len()]).map(What::Whole),
        None => None,
    }
}

/// Whether one of these commands stands before `at`, in the same command.
fn is_of(text: &[u8], at: usize, commands: &[&str]) -> bool {
    let before = &text[at.saturating_sub(MAX_COMMAND_BYTES)..at];
    walked(before.len());
    let same = before
        .rsplit(|byte| matches!(byte, b'\n' | b'|' | b';' | b'&'))
        .next()
        .unwrap_or(before);
    let is_end = |byte: &u8| {
        is_blank(*byte)
            || is_quote(*byte)
            || matches!(byte, b'/' | b'(' | b'$' | b'[' | b',' | b'{')
    };
    let mut words = same.split(is_end);
    words.any(|word| commands.iter().any(|command| command.as_bytes() == word))
}

/// The value behind a flag that ends at `end`.
fn value_at(text: &[u8], end: usize, what: What, is_apart: bool, is_long: bool) -> Option<Secret> {
    let window = &text[..text.len().min(end + MAX_BETWEEN_BYTES)];
    let mut start = end;
    if is_apart {
        start += run(window, end, |byte| {
            is_blank(byte) || is_quote(byte) || matches!(byte, b'=' | b',' | b'\\')
        });
        if start == end {
            return None;
        }
    }
    // The last quote before the value opens it.
    let opened = if is_apart {
        text[start - 1]
    } else {
        *text.get(start)?
    };
    start += usize::from(!is_apart && is_quote(opened));
    let is_escaped = start > 1 && text[start - 2] == b'\\';
    let quoted = is_quote(opened).then(|| closing_quote(text, start, opened, is_escaped));
    let quoted = quoted.flatten();
    let end = quoted.unwrap_or_else(|| bare_end(text, start));
    let value = &text[start..end];
    let is_flag = quoted.is_none() && value.starts_with(b"-");
    if value.is_empty() || is_flag || is_template(value) || is_variable(value) {
        return None;
    }
    let (from, kind) = match what {
        What::Cookie => (value.contains(&b'=').then_some(0)?, "cookie"),
        What::After(sign) => (
            value.iter().position(|byte| *byte == sign)? + 1,
            Kind::Password.text(),
        ),
        What::Source => (
            value.starts_with(b"pass:").then_some("pass:".len())?,
            Kind::Password.text(),
        ),
        What::Whole(kind) => (0, kind.text()),
    };
    let secret = &value[from..];
    let is_secret = match what {
        // One letter is of a command that is known.
        What::Whole(kind) if !is_long => is_secret_given(secret, kind),
        What::Whole(kind) => {
            let is_word = quoted.is_none() && !is_mixed(secret) && secret.len() <= MAX_WORD_BYTES;
            is_secret_placed(secret, kind) && (!is_word || is_last(text, end))
        }
        _ => {
            let is_none = secret.is_empty() || is_template(secret) || is_variable(secret);
            !is_none && !secret.starts_with(b"//")
        }
    };
    (is_secret && !secret.starts_with(MARK.as_bytes())).then_some(Secret {
        start: start + from,
        end,
        kind,
    })
}

/// Whether a command ends here or goes on with a flag: after a word of prose comes another.
fn is_last(text: &[u8], end: usize) -> bool {
    let next = end + run(text, end, is_blank);
    match text.get(next) {
        None | Some(b'\n' | b'\r' | b'|' | b';' | b'&' | b'>' | b'"' | b'\'' | b'`' | b')') => true,
        Some(b'-') => next > end,
        _ => false,
    }
}
