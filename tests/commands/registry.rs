//! `agentpulse registry check`: a folder of definitions, some broken, each in its own way.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::harness::{folder, short_program};

/// Each with its name, what is wrong in it, and where.
const BROKEN: [(&str, &[u8], &str); 10] = [
    (
        "yaml",
        b"---\nname: yaml\ndescription: 'open\n---\n",
        "3:14: error yaml",
    ),
    (
        "late",
        b"---\nname: late\ndescription: x\n",
        "1:1: error yaml",
    ),
    (
        "silent",
        b"---\nname: silent\n---\n",
        "2:1: error no_description",
    ),
    (
        "number",
        b"---\nname: 7\ndescription: x\n---\n",
        "2:7: error bad_name",
    ),
    (
        "hooks",
        b"---\r\nname: hooks\r\ndescription: x\r\nhooks: nope\r\n---\r\n",
        "4:8: error bad_hooks",
    ),
    (
        "tools",
        b"---\nname: tools\ndescription: \xc3\xa9: x\ntools: Nope\n---\n",
        "4:8: error zero_tools",
    ),
    (
        "field",
        b"---\nname: field\ndescription: x\nallowed-tools: Read\n---\n",
        "4:1: warning unknown_field",
    ),
    (
        "value",
        b"---\nname: value\ndescription: x\ncolor: mauve\n---\n",
        "4:8: warning bad_value",
    ),
    (
        "dashes",
        b"---\nname: dashes\ndescription: x --- y\n---\n",
        "3:16: warning dashes_inside",
    ),
    (
        "bytes",
        b"---\nname: bytes\ndescription: caf\xe9\n---\n",
        "3:17: warning not_utf8",
    ),
];

fn check(home: &Path, arguments: &[&str]) -> Output {
    let mut command = short_program();
    command.current_dir(home.join("project"));
    command.env("HOME", home).env_remove("CLAUDE_CONFIG_DIR");
    command.args(["registry", "check"]).args(arguments);
    command.output().expect("it starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

fn write(folder: &Path, name: &str, bytes: &[u8]) {
    fs::create_dir_all(folder).expect("a folder");
    fs::write(folder.join(format!("{name}.md")), bytes).expect("a file");
}

#[test]
fn each_broken_definition_is_reported_where_it_is_broken() {
    let home = folder();
    let agents = home.path().join("project/.claude/agents");
    fs::create_dir_all(home.path().join("project/.git")).expect("a folder");
    for (name, bytes, _) in BROKEN {
        write(&agents, name, bytes);
    }
    let good = b"---\nname: good\ndescription: Does nothing.\ntools: Read\n---\nbody\n";
    write(&agents.join(".hidden/deep"), "good", good);
    write(&agents, "README", b"# These are agents\n");
    write(&agents, "notes.txt", b"no definition");

    let checked = check(home.path(), &[]);
    let (shown, told) = (text(&checked.stdout), text(&checked.stderr));
    assert_eq!(checked.status.code(), Some(1), "{told}");
    assert_eq!(told, "agentpulse: errors: 6\n");
    for (name, _, expected) in BROKEN {
        let line = format!(".claude/agents/{name}.md:{expected}: ");
        assert!(shown.contains(&line), "{line} is not in:\n{shown}");
    }
    assert!(!shown.contains("good.md"), "{shown}");
    assert!(
        shown.contains("README.md:1:1: hint documentation: "),
        "{shown}"
    );
    let last = shown.lines().last().expect("a line");
    // Without a home for the user there are only these.
    assert!(last.starts_with("files: 13, agents: "), "{last}");

    let github = text(&check(home.path(), &["--format", "github"]).stdout);
    assert!(
        github.contains(
            "::warning file=.claude/agents/value.md,line=4,col=8,title=bad_value::color is"
        ),
        "{github}"
    );
    let json = check(home.path(), &["--format", "json", "."]);
    let json: Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(
        (&json["files"], &json["errors"]),
        (&13.into(), &6.into()),
        "{json}"
    );
    let findings = json["findings"].as_array().expect("a list");
    let value = findings
        .iter()
        .find(|one| one["code"] == "bad_value")
        .expect("it is there");
    assert_eq!(value["field"], "color");
    assert_eq!((&value["line"], &value["column"]), (&4.into(), &8.into()));
    assert_eq!(value["client"], "ignores it");
}

#[test]
fn one_name_in_several_places() {
    let home = folder();
    let definition = |name: &str| format!("---\nname: {name}\ndescription: x\n---\n").into_bytes();
    let inner = home.path().join("project");
    fs::create_dir_all(inner.join(".git")).expect("a folder");
    write(&inner.join(".claude/agents"), "one", &definition("one"));
    write(&inner.join(".claude/agents/sub"), "one", &definition("one"));
    write(&inner.join(".claude/agents"), "two", &definition("two"));
    write(
        &home.path().join(".claude/agents"),
        "two",
        &definition("two"),
    );
    // Of a project above the repository.
    write(
        &home.path().join("above/.claude/agents"),
        "x",
        b"---\nname: -x\n---\n",
    );
    let checked = check(home.path(), &[]);
    let shown = text(&checked.stdout);
    assert_eq!(checked.status.code(), Some(1));
    for line in [
        ".claude/agents/one.md:2:7: error same_tree_twin: ",
        ".claude/agents/sub/one.md:2:7: error same_tree_twin: ",
        "/.claude/agents/two.md:2:7: hint shadowed: ",
        "files: 4, agents: 4, errors: 2, warnings: 0, hints: 1",
    ] {
        assert!(shown.contains(line), "{line} is not in:\n{shown}");
    }
}

#[test]
fn what_is_asked_for_decides() {
    let home = folder();
    fs::create_dir_all(home.path().join("project")).expect("a folder");
    let plugin = home.path().join("plugin");
    write(
        &plugin.join("agents"),
        "a",
        b"---\nname: a\ndescription: x\nhooks: {}\n---\n",
    );
    fs::create_dir_all(plugin.join(".claude-plugin")).expect("a folder");
    fs::write(
        plugin.join(".claude-plugin/plugin.json"),
        r#"{"name": "p"}"#,
    )
    .expect("a file");
    let checked = check(home.path(), &["../plugin"]);
    assert_eq!(checked.status.code(), Some(0));
    let shown = text(&checked.stdout);
    assert!(
        shown.contains("agents/a.md:4:1: warning plugin_ignores: "),
        "{shown}"
    );
    let strict = check(home.path(), &["--strict", "../plugin"]);
    assert_eq!(text(&strict.stderr), "agentpulse: warnings: 1\n");
    assert_eq!(strict.status.code(), Some(1));

    let mode = home.path().join("m.md");
    fs::write(
        &mode,
        "---\nname: m\ndescription: x\npermissionMode: manual\n---\n",
    )
    .expect("a file");
    assert!(
        check(home.path(), &["--strict", "../m.md"])
            .status
            .success()
    );
    let older = check(home.path(), &["--strict", "--client", "2.1.168", "../m.md"]);
    assert_eq!(older.status.code(), Some(1));
    for (path, word) in [
        ("../none", "No such file"),
        ("../plugin/.claude-plugin/plugin.json", ".md"),
    ] {
        let refused = check(home.path(), &[path]);
        assert_eq!(refused.status.code(), Some(1));
        assert!(text(&refused.stderr).contains(word), "{path}");
    }
    assert!(check(home.path(), &[]).status.success());
}

/// A check that says nothing of what it could not read would be a green light.
#[test]
fn a_folder_that_cannot_be_read_is_an_error() {
    let place = folder();
    let agents = place.path().join("project");
    fs::create_dir(&agents).expect("a folder");
    // Also for root.
    std::os::unix::fs::symlink("x".repeat(300), agents.join("sub")).expect("a link");
    let checked = check(place.path(), &[agents.to_str().expect("a path")]);
    assert_eq!(checked.status.code(), Some(1));
    let said = text(&checked.stdout);
    assert!(
        said.contains("sub:1:1: error unreadable: the folder"),
        "{said}"
    );
}
