//! `agentpulse man`: a page for each command, which a reader of manual pages understands.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use crate::harness::{folder, short_program};

fn output(arguments: &[&str]) -> String {
    let output = short_program().args(arguments).output().expect("it starts");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {told}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The commands that `--help` of these words lists, `help` itself left out.
fn commands(words: &[&str]) -> Vec<String> {
    listed(&output(&[words, &["--help"]].concat()))
}

/// The commands that a help lists, `help` itself left out.
pub fn listed(help: &str) -> Vec<String> {
    let Some((_, list)) = help.split_once("\nCommands:\n") else {
        return Vec::new();
    };
    let lines = list.lines().take_while(|line| !line.is_empty());
    // What is indented further goes on with the line above.
    let names = lines.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    names
        .filter(|name| !["", "help"].contains(name))
        .map(str::to_owned)
        .collect()
}

/// As a terminal shows it. Returns `None` if there is no groff.
fn rendered(page: &str) -> Option<String> {
    let mut groff = Command::new("groff");
    groff.args(["-man", "-Tutf8", "-P-cbou", "-ww"]);
    groff
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let Ok(mut child) = groff.spawn() else {
        writeln!(std::io::stderr(), "SKIPPED: groff is not installed").expect("heard");
        return None;
    };
    child
        .stdin
        .take()
        .expect("piped")
        .write_all(page.as_bytes())
        .expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{page}");
    Some(String::from_utf8(output.stdout).expect("UTF-8"))
}

#[test]
fn every_command_has_a_page_that_can_be_read() {
    let folder = folder();
    let pages = folder.path().join("man1");
    output(&["man", pages.to_str().expect("a short path")]);
    let mut expected = vec!["agentpulse.1".to_owned()];
    for command in commands(&[]) {
        expected.push(format!("agentpulse-{command}.1"));
        let inner = commands(&[&command]).into_iter();
        expected.extend(inner.map(|inner| format!("agentpulse-{command}-{inner}.1")));
    }
    assert!(expected.len() > 30, "{expected:?}");
    let written = fs::read_dir(&pages).expect("the folder");
    let mut written: Vec<String> = written
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    written.sort();
    expected.sort();
    assert_eq!(written, expected);
    for name in written {
        let page = fs::read_to_string(pages.join(&name)).expect("a page");
        for part in [".TH ", ".SH NAME", ".SH SYNOPSIS"] {
            assert!(page.contains(part), "{name} has no {part}");
        }
        let Some(shown) = rendered(&page) else {
            continue;
        };
        assert!(shown.contains("SYNOPSIS"), "{name}: {shown}");
    }
}

#[test]
fn the_first_page_names_the_commands_and_the_exit_codes() {
    let page = output(&["man"]);
    let Some(shown) = rendered(&page) else { return };
    for command in commands(&[]) {
        assert!(
            shown.contains(&format!("agentpulse-{command}(1)")),
            "{command}: {shown}"
        );
    }
    for words in [
        "another daemon runs on the data folder",
        "--data-dir",
        "a setting is wrong",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
}
