//! Definitions in folders in which no client looks.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::home::{Home, agents, definition, refresh, shown, until, write};
use super::writes::{change, create, done, is, names, remove, reviewer, version};
use crate::harness::bytes::search;
use crate::harness::events::Run;
use crate::harness::{Daemon, Setup, eventually, now_ms};

pub fn listed(paths: &[PathBuf]) -> String {
    format!("{paths:?}")
}

pub fn with_library(home: &Home, folders: &[PathBuf]) -> Setup {
    let shop = home.path("shop");
    fs::create_dir_all(&shop).expect("a folder");
    home.setup()
        .set("registry.projects", &listed(&[shop]))
        .set("registry.library", &listed(folders))
}

/// The id of the one in the library.
fn id_of(daemon: &Daemon, name: &str) -> String {
    let found = agents(daemon, "&scope=library");
    let found = found.iter().find(|agent| agent["run_name"] == name);
    let found = found.expect("one in the library");
    found["agent_id"].as_str().expect("an id").to_owned()
}

fn of(answer: &Value, pointer: &str) -> Value {
    answer.pointer(pointer).cloned().unwrap_or_default()
}

/// By their files: the scopes.
fn scopes(daemon: &Daemon) -> BTreeMap<String, String> {
    let text = |agent: &Value, field: &str| agent[field].as_str().expect("a text").to_owned();
    let all = agents(daemon, "");
    let of_file = |agent: &Value| (text(agent, "file_path"), text(agent, "scope"));
    all.iter().map(of_file).collect()
}

#[test]
fn it_is_followed_and_no_project_pays_for_it() {
    let home = Home::new();
    let library = home.path("agents");
    write(&home.user(), "writer", &definition("writer", ""));
    write(&library, "writer", &definition("writer", "color: blue\n"));
    write(&library.join("data"), "tuner", &definition("tuner", ""));
    write(&home.path("more"), "twin", &definition("twin", ""));
    write(&library, "other", &definition("twin", ""));
    let long = format!("---\nname: long\ndescription: {}\n---\n", "x".repeat(9_000));
    for n in 0..8 {
        let text = long.replace("name: long", &format!("name: long{n}"));
        write(&library.join("long"), &format!("long{n}"), &text);
    }
    let folders = [library.clone(), home.path("more")];
    let daemon = with_library(&home, &folders).start();
    refresh(&daemon);

    let found = agents(&daemon, "&scope=library&q=does");
    let names = ["tuner", "twin", "twin", "writer"].map(|name| (name.to_owned(), json!(false)));
    assert_eq!(shown(&found, "/effective"), names);
    let nobody = names.map(|(name, _)| (name, Value::Null));
    assert_eq!(shown(&found, "/project"), nobody);
    let here = agents(&daemon, "&project=~/shop");
    let writer = [("writer".to_owned(), json!("~/.claude/agents/writer.md"))];
    assert_eq!(shown(&here, "/file_path"), writer);

    let stats = daemon.read("/registry/stats").expect("the figures");
    let by_scope = json!({"library": 12, "user": 1});
    assert_eq!(of(&stats, "/agent_counts/by_scope"), by_scope);
    // "Does writer." is 12 characters, a token is 4.
    for project in stats["projects"].as_array().expect("a list") {
        let figures = (&project["agents"], &project["description_tokens"]);
        assert_eq!(figures, (&json!(1), &json!(3)), "{stats}");
    }
    let conflicts = daemon.read("/registry/conflicts").expect("the conflicts");
    let row = |one: &Value| [of(one, "/code"), of(one, "/file_path"), of(one, "/project")];
    let conflicts = conflicts["conflicts"].as_array().expect("a list");
    let mut rows: Vec<_> = conflicts.iter().map(row).collect();
    rows.sort_by_key(|row| row[1].to_string());
    let twin = |file: &str| [json!("same_tree_twin"), json!(file), Value::Null];
    let twins = [twin("~/agents/other.md"), twin("~/more/twin.md")];
    assert_eq!(rows, twins);

    // What changes there is noticed.
    fs::remove_file(library.join("other.md")).expect("a file");
    write(&library.join("new"), "fresh", &definition("fresh", ""));
    let named = |all: &[Value], name: &str| {
        let of_name = all.iter().filter(|agent| agent["run_name"] == name);
        of_name.count()
    };
    until(&daemon, "the library has changed", |all| {
        named(all, "fresh") == 1 && named(all, "twin") == 1
    });
    let broken = "---\nname: fresh\n---\n";
    write(&library.join("new"), "fresh", broken);
    until(&daemon, "one is broken", |all| {
        let errors = all.iter().filter(|agent| agent["status"] == "error");
        errors.count() == 1
    });
    let setup = daemon.setup.clone();
    let settings = setup.set("registry.library", &listed(&folders[1..]));
    fs::write(daemon.data.with_extension("toml"), settings.text()).expect("the settings");
    assert!(daemon.command(&["reload"]).status.success());
    until(&daemon, "a folder is left", |all| {
        named(all, "twin") == 1 && named(all, "tuner") == 0 && named(all, "writer") == 1
    });
}

#[test]
fn a_file_is_of_the_place_in_which_a_client_finds_it() {
    let home = Home::new();
    let user = home.user();
    write(&user, "mine", &definition("mine", ""));
    write(&user.join("team"), "ours", &definition("ours", ""));
    write(&home.of("shop"), "seller", &definition("seller", ""));
    write(&home.path("shop/docs"), "loose", &definition("loose", ""));
    write(&home.path("own"), "spare", &definition("spare", ""));
    symlink(user.join("mine.md"), home.path("own/linked.md")).expect("a link");
    let expected: BTreeMap<String, String> = [
        ("~/.claude/agents/mine.md", "user"),
        ("~/.claude/agents/team/ours.md", "user"),
        ("~/own/spare.md", "library"),
        ("~/shop/.claude/agents/seller.md", "project"),
        ("~/shop/docs/loose.md", "library"),
    ]
    .map(|(file, scope)| (file.to_owned(), scope.to_owned()))
    .into();
    // The same folder, one above, one below, one of its own, and that one again.
    let folders = ["", "shop", ".claude/agents/team", "own", "own/"];
    let mut folders = folders.map(|folder| home.path(folder));
    folders[0] = user;
    let daemon = with_library(&home, &folders).start();
    refresh(&daemon);
    assert_eq!(scopes(&daemon), expected);
    let conflicts = daemon.read("/registry/conflicts").expect("the conflicts");
    assert_eq!(conflicts["total"], 0, "{conflicts}");

    // What a client finds no more is of the library.
    fs::rename(home.of("shop"), home.path("shop/agents")).expect("another name");
    refresh(&daemon);
    let mut expected = expected;
    expected.remove("~/shop/.claude/agents/seller.md");
    expected.insert("~/shop/agents/seller.md".to_owned(), "library".to_owned());
    assert_eq!(scopes(&daemon), expected);
}

#[test]
fn executions_are_its_own_if_no_client_has_the_name() {
    let home = Home::new();
    let library = home.path("agents");
    write(&home.user(), "shared", &definition("shared", ""));
    write(&library, "shared", &definition("shared", ""));
    write(&library, "alone", &definition("alone", ""));
    let daemon = with_library(&home, &[library]).start();
    refresh(&daemon);
    let now = now_ms();
    let ran = |id: &str, name: &str| {
        let run = Run::new(id)
            .agent(name)
            .with("source", "claude-code")
            .with("project", "~/shop");
        let run = run.began(now).ended(now + 1_000);
        [run.start(), run.stop()]
    };
    let names = ["shared", "shared", "alone", "ghost"];
    let mut events = Vec::new();
    for (n, name) in names.iter().enumerate() {
        events.extend(ran(&format!("r{n}"), name));
    }
    daemon.accept(&events);
    let running = |id: &str, name: &str| Run::new(id).agent(name).began(now).start();
    daemon.accept(&[running("s", "shared"), running("a", "alone")]);
    let figures = |of: &str| {
        let shown = daemon.read(&format!("/registry/agents/{of}?by=version"));
        let shown = shown.expect("a definition");
        let (did, versions) = (&shown["performance"], &shown["versions"]);
        json!([
            shown["scope"],
            did["attribution"],
            did["total_tasks"],
            shown["resources"]["active_tasks"],
            versions["versions"][0]["executions"],
            versions["others"],
        ])
    };
    let row = |found: Value, expected: Value| match found == expected {
        true => Ok(()),
        false => Err(found.to_string()),
    };
    // By its name alone it is the one that a client has.
    eventually("history has them", || {
        let of_user = json!(["user", "name", 2, 1, 2, 0]);
        row(figures("shared"), of_user)
    });
    let of_library = figures(&id_of(&daemon, "shared"));
    assert_eq!(of_library, json!(["library", "other", 0, 0, 0, 2]));
    assert_eq!(figures("alone"), json!(["library", "name", 1, 1, 1, 0]));
    for query in ["", "?project=~/shop"] {
        let drift = daemon.read(&format!("/registry/drift{query}"));
        let drift = drift.expect("an answer");
        let rows = drift["drift"].as_array().expect("a list");
        let rows: Vec<_> = rows.iter().map(|row| &row["run_name"]).collect();
        assert_eq!(rows, ["ghost"], "{drift}");
    }
}

#[test]
fn its_prompts_are_shown_redacted_and_kept_nowhere() {
    const SECRET: &str = "hunter2hunter2xyz";
    let home = Home::new();
    let library = home.path("agents");
    let file = library.join("tuner.md");
    let text = |more: &str| {
        format!("---\nname: tuner\ndescription: Tunes.\n---\n\n# Tune\nMarmalade {more}.\n")
    };
    write(&library, "tuner", &text(&format!("password={SECRET}")));
    write(&home.user(), "writer", &definition("writer", ""));
    let daemon = with_library(&home, std::slice::from_ref(&library)).start();
    refresh(&daemon);
    let id = id_of(&daemon, "tuner");
    let path = format!("/registry/agents/{id}");
    let told = daemon
        .read(&format!("{path}?body=true"))
        .expect("the prompt");
    let body = told["body"].as_str().expect("a text").to_owned();
    assert!(body.starts_with("# Tune\nMarmalade password="), "{body}");
    assert!(!body.contains(SECRET), "{body}");
    let without = daemon.read(&path).expect("a definition");
    assert_eq!(without["body"], Value::Null);
    let printed = daemon.command(&["registry", "show", "tuner", "--body"]);
    assert_eq!(String::from_utf8_lossy(&printed.stdout), body);

    let refused_of = |id: &str| daemon.get(&format!("/registry/agents/{id}?body=true"));
    is(&refused_of("writer"), 409, "no_prompt");
    is(&refused_of("nobody"), 404, "unknown_agent");
    let wrong = daemon.get(&format!("{path}?body=yes"));
    is(&wrong, 400, "invalid_parameter");
    // Whenever it is asked for, it is that of the version beside it.
    write(&library, "tuner", &text("again"));
    eventually("the new prompt is shown", || {
        let answer = refused_of(&id);
        if answer.status != 200 {
            is(&answer, 409, "no_prompt");
            return Err(answer.text());
        }
        assert_ne!(answer.json()["version"], told["version"]);
        assert_eq!(answer.json()["body"], "# Tune\nMarmalade again.\n");
        Ok(())
    });
    // 64 KiB are shown, and not a byte more.
    let frame = text("").len() - text("").find('#').expect("a prompt");
    write(&library, "tuner", &text(&"x".repeat((64 << 10) - frame)));
    refresh(&daemon);
    let long = refused_of(&id).json();
    assert_eq!(long["body"].as_str().map(str::len), Some(64 << 10));
    write(
        &library,
        "tuner",
        &text(&"x".repeat((64 << 10) - frame + 1)),
    );
    refresh(&daemon);
    is(&refused_of(&id), 409, "no_prompt");
    write(&library, "tuner", "---\nname: [\n---\nMarmalade");
    refresh(&daemon);
    is(&refused_of(&id), 409, "no_prompt");
    fs::remove_file(&file).expect("a file");
    refresh(&daemon);
    is(&refused_of(&id), 404, "unknown_agent");
    assert!(search(&daemon.data, "Marmalade") > 3);
}

#[test]
fn it_is_written_to_where_that_is_asked_for() {
    let home = Home::new();
    let folders = [home.path("agents"), home.path("more")];
    write(&folders[1], "taken", &definition("taken", ""));
    let daemon = with_library(&home, &folders)
        .set("registry.write", "true")
        .start();
    let mut body = reviewer();
    body["scope"] = json!("library");
    let made = done(&create(&daemon, &body), 201);
    assert_eq!(made["file_path"], "~/agents/reviewer.md");
    assert_eq!(made["scope"], "library");
    let id = made["agent_id"].as_str().expect("an id");
    is(&create(&daemon, &body), 409, "name_taken");
    body["name"] = json!("taken");
    is(&create(&daemon, &body), 409, "name_taken");
    body["project"] = json!("~/shop");
    is(&create(&daemon, &body), 400, "invalid_body");
    let shown = version(&daemon, id);
    done(&change(&daemon, id, &shown, &json!({"prompt": "Do."})), 200);
    let told = daemon.read(&format!("/registry/agents/{id}?body=true"));
    assert_eq!(told.expect("the prompt")["body"], "Do.\n");
    done(&remove(&daemon, id), 200);
    assert_eq!(names(&folders[0]), [""; 0]);
}

#[test]
fn without_a_folder_of_its_own_nothing_is_written() {
    let mut body = reviewer();
    body["scope"] = json!("library");
    let home = Home::new();
    let refused = |folders: &[PathBuf]| {
        let daemon = with_library(&home, folders)
            .set("registry.write", "true")
            .start();
        is(&create(&daemon, &body), 400, "invalid_body");
    };
    refused(&[]);
    let in_place: &Path = &home.user().join("team");
    refused(&[in_place.to_owned()]);
    assert!(!in_place.exists());
}
