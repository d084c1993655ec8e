//! The command that a client runs for a hook: how ours is written, and how it is known again.

use std::path::Path;

use crate::cli::failure::{Failure, failed};
use crate::cli::shell::quoted;

pub const PROGRAM: &str = "agentpulse-hook";
pub const SOURCE: &str = "claude-code";

/// A command of ours, taken apart as a shell does.
#[derive(Debug, PartialEq, Eq)]
pub struct OurCommand {
    /// Variables that are set for the program alone.
    pub variables: Vec<(String, String)>,
    /// As it is written: an absolute path, or a name that the shell searches.
    pub program: String,
}

/// The command that runs the hook program which lies beside this one.
pub fn beside_us() -> Result<String, Failure> {
    let us = std::env::current_exe()
        .map_err(|error| failed(format_args!("where agentpulse lies is not known: {error}")))?;
    let program = us.with_file_name(PROGRAM);
    if !program.is_file() {
        return Err(failed(format_args!(
            "{} is not there: install it beside agentpulse, or give --command",
            program.display()
        )));
    }
    running(&program)
}

fn running(program: &Path) -> Result<String, Failure> {
    match program.to_str() {
        Some(path) => Ok(format!("{} {SOURCE}", quoted(path))),
        None => Err(failed(format_args!(
            "{} is not UTF-8, as a settings file has to be",
            program.display()
        ))),
    }
}

/// A command of ours is the program with the source's name, and nothing else: `uninstall` takes
/// all of it away, so that what somebody has built around it is not ours.
pub fn parse(command: &str) -> Option<OurCommand> {
    let words = words(command)?;
    let mut words = words.into_iter().peekable();
    let mut variables = Vec::new();
    while let Some(variable) = words.peek().and_then(|word| assignment(word)) {
        variables.push(variable);
        words.next();
    }
    let program = words.next()?;
    let is_ours = Path::new(&program).file_name() == Some(PROGRAM.as_ref())
        && words.next().as_deref() == Some(SOURCE)
        && words.next().is_none();
    is_ours.then_some(OurCommand { variables, program })
}

fn assignment(word: &str) -> Option<(String, String)> {
    let (name, value) = word.split_once('=')?;
    let is_name = !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name.then(|| (name.to_owned(), value.to_owned()))
}

/// The words of one simple command; none when it is more than that, or is not closed. Variables
/// and patterns stay as they are written.
fn words(command: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut rest = command.trim().chars();
    while let Some(c) = rest.next() {
        match c {
            ' ' | '\t' => words.extend(word.take()),
            '\n' | '\r' | ';' | '&' | '|' | '<' | '>' | '(' | ')' | '`' => return None,
            '#' if word.is_none() => return None,
            '\\' => word.get_or_insert_default().push(rest.next()?),
            '\'' => {
                let (quote, behind) = rest.as_str().split_once('\'')?;
                word.get_or_insert_default().push_str(quote);
                rest = behind.chars();
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match rest.next()? {
                        '"' => break,
                        '`' => return None,
                        '\\' => match rest.next()? {
                            escaped @ ('"' | '\\' | '$' | '`') => word.push(escaped),
                            other => word.extend(['\\', other]),
                        },
                        other => word.push(other),
                    }
                }
            }
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_is_known_again_however_it_is_written() {
        for (command, program) in [
            ("agentpulse-hook claude-code", "agentpulse-hook"),
            (" /a/agentpulse-hook  claude-code ", "/a/agentpulse-hook"),
            ("'/a b/agentpulse-hook' claude-code", "/a b/agentpulse-hook"),
            (
                "\"/a b/agentpulse-hook\" 'claude-code'",
                "/a b/agentpulse-hook",
            ),
            ("/a\\ b/agentpulse-hook claude-code", "/a b/agentpulse-hook"),
            (
                "\"$HOME\"/agentpulse-hook claude-code",
                "$HOME/agentpulse-hook",
            ),
        ] {
            let ours = parse(command).unwrap_or_else(|| panic!("{command}"));
            assert_eq!((ours.program.as_str(), ours.variables.len()), (program, 0));
        }
        let ours = parse("AGENTPULSE_SOCKET='/a b' X= agentpulse-hook claude-code").unwrap();
        let variables = [("AGENTPULSE_SOCKET", "/a b"), ("X", "")];
        assert_eq!(
            ours.variables,
            variables.map(|(k, v)| (k.to_owned(), v.to_owned()))
        );
    }

    #[test]
    fn a_command_longer_than_ours_is_not_ours() {
        for command in [
            "",
            "agentpulse-hook",
            "agentpulse-hook codex",
            "agentpulse-hook claude-code --x",
            "agentpulse-hook claude-code || true",
            "log.sh; agentpulse-hook claude-code",
            "agentpulse-hook claude-code >/tmp/log",
            "echo agentpulse-hook claude-code",
            "/a/agentpulse-hook/run claude-code",
            "my-agentpulse-hook claude-code",
            "'agentpulse-hook claude-code",
            "agentpulse-hook claude-code # ours",
        ] {
            assert_eq!(parse(command), None, "{command}");
        }
    }

    #[test]
    fn a_path_survives_the_shell() {
        for path in [
            "/a/agentpulse-hook",
            "/a b/$x/it's/\"q\"/\\n/~/agentpulse-hook",
        ] {
            let command = running(Path::new(path)).unwrap();
            assert_eq!(parse(&command).unwrap().program, path, "{command}");
        }
        let plain = running(Path::new("/usr/bin/agentpulse-hook")).unwrap();
        assert_eq!(plain, "/usr/bin/agentpulse-hook claude-code");
    }
}
