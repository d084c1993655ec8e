//! Where a client that works in a folder looks, and in which order.

use std::fs;
use std::path::Path;
use std::time::UNIX_EPOCH;

use serde_json::json;
use tempfile::TempDir;

use agentpulse_definitions::{Client, Scope};

use crate::{Places, Registry, Root};

struct Machine {
    folder: TempDir,
    places: Places,
}

impl Machine {
    fn new() -> Machine {
        let folder = TempDir::new().unwrap();
        let places = Places::new(folder.path().join("home"), None);
        let places = places.managed_in(folder.path().join("etc"));
        Machine { folder, places }
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn roots(&self, folder: &str, version: Option<&str>) -> Vec<Root> {
        let client = Client::built_in(version.map(|version| version.parse().unwrap()));
        self.places.roots(&self.folder.path().join(folder), &client)
    }

    fn shown(&self, folder: &str, version: Option<&str>) -> Vec<String> {
        let roots = self.roots(folder, version).into_iter();
        let below = |path: &Path| {
            path.strip_prefix(self.folder.path())
                .unwrap()
                .display()
                .to_string()
        };
        roots
            .map(|root| format!("{} {}", root.scope, below(&root.path)))
            .collect()
    }
}

#[test]
fn the_places_of_a_nested_folder() {
    let machine = Machine::new();
    machine.write("home/shop/.git/HEAD", "");
    let (managed, user) = ("managed etc/.claude/agents", "user home/.claude/agents");
    let inner = "project home/shop/src/deep/.claude/agents";
    let (middle, outer) = (
        "project home/shop/src/.claude/agents",
        "project home/shop/.claude/agents",
    );
    let nearest_first = [managed, inner, middle, outer, user];
    assert_eq!(machine.shown("home/shop/src/deep", None), nearest_first);
    assert_eq!(
        machine.shown("home/shop/src/deep", Some("2.1.178")),
        nearest_first
    );
    assert_eq!(
        machine.shown("home/shop/src/deep", Some("2.1.177")),
        [managed, outer, middle, inner, user]
    );
    // Without a repository up to the home folder, whose agents are the user's own.
    assert_eq!(
        machine.shown("home/notes/x", None),
        [
            managed,
            "project home/notes/x/.claude/agents",
            "project home/notes/.claude/agents",
            user
        ]
    );
    assert_eq!(machine.shown("home", None), [managed, user]);
}

#[test]
fn plugins_that_are_installed_and_enabled() {
    let machine = Machine::new();
    let at = |path: &str| machine.folder.path().join(path).display().to_string();
    let installed = json!({"version": 2, "plugins": {
        "off@m": [{"scope": "user", "installPath": at("off")}],
        "one@m": [{"scope": "user", "installPath": at("one")}],
        "other@m": [{"scope": "project", "installPath": at("other"), "projectPath": at("elsewhere")}],
        "own@m": [{"scope": "project", "installPath": at("own"), "projectPath": at("home/shop")}],
        "bad@m": 5,
    }});
    machine.write(
        "home/.claude/plugins/installed_plugins.json",
        &installed.to_string(),
    );
    let manifest = json!({"name": "own", "agents": ["./a/x.md", "b"]});
    machine.write("own/.claude-plugin/plugin.json", &manifest.to_string());
    let settings = |off: bool| json!({"enabledPlugins": {"off@m": off, "one@m": true}}).to_string();
    machine.write("home/.claude/settings.json", &settings(true));
    machine.write("home/shop/.git/HEAD", "");
    machine.write("home/shop/.claude/settings.local.json", &settings(false));
    let shown = machine.shown("home/shop", None);
    assert_eq!(
        shown[3..],
        ["plugin one/agents", "plugin own/a/x.md", "plugin own/b"]
    );
    let shown = machine.shown("home/notes", None);
    assert_eq!(shown[3..], ["plugin off/agents", "plugin one/agents"]);

    machine.write(
        "one/agents/review/a.md",
        "---\nname: a\ndescription: x\n---\n",
    );
    machine.write("own/a/x.md", "no name, no frontmatter");
    let roots = machine.roots("home/shop", None);
    let snapshot = Registry::new(Client::built_in(None)).scan(&roots, UNIX_EPOCH);
    let mut names: Vec<&str> = snapshot
        .registered
        .agents
        .values()
        .map(|agent| agent.run_name())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["one:review:a", "own:x"]);

    machine.write("home/.claude/plugins/installed_plugins.json", "{torn");
    assert_eq!(machine.shown("home/shop", None).len(), 3);
}

#[test]
fn a_path_is_a_plugin_a_project_a_folder_or_a_file() {
    let machine = Machine::new();
    machine.write("plugin/.claude-plugin/plugin.json", r#"{"name": "p"}"#);
    machine.write("project/.claude/agents/a.md", "");
    machine.write("folder/a.md", "");
    let of = |path: &str| {
        let roots = Root::of(&machine.folder.path().join(path));
        let below = |path: &Path| {
            path.strip_prefix(machine.folder.path())
                .unwrap()
                .display()
                .to_string()
        };
        let shown = roots.iter().map(|root| (root.scope, below(&root.path)));
        shown.collect::<Vec<_>>()
    };
    let expected = |scope, path: &str| vec![(scope, path.to_owned())];
    assert_eq!(of("plugin"), expected(Scope::Plugin, "plugin/agents"));
    assert_eq!(
        of("project"),
        expected(Scope::Project, "project/.claude/agents")
    );
    assert_eq!(of("folder"), expected(Scope::Project, "folder"));
    assert_eq!(of("folder/a.md"), expected(Scope::Project, "folder/a.md"));
}
