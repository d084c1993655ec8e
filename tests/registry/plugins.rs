//! Plugins: installed and not, enabled and not, as the files of the client say.

use std::fs;

use serde_json::json;

use super::home::{Home, definition, shown, until, write};

#[test]
fn the_agents_of_a_plugin_come_and_go_with_its_settings() {
    let home = Home::new();
    let plugin = home.path("market/tools");
    write(&plugin.join("agents/review"), "a", &definition("a", ""));
    let put = |path: &str, text: String| {
        let path = home.path(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    };
    let enabled = |is_enabled: bool| {
        let settings = json!({"enabledPlugins": {"tools@market": is_enabled}});
        put(".claude/settings.json", settings.to_string());
    };
    let daemon = home.setup().start();
    until(&daemon, "nothing is installed", |all| all.is_empty());
    let installed = json!({"version": 2, "plugins": {
        "tools@market": [{"scope": "user", "installPath": plugin}],
    }});
    put(
        ".claude/plugins/installed_plugins.json",
        installed.to_string(),
    );
    let all = until(&daemon, "it is installed", |all| all.len() == 1);
    assert_eq!(
        shown(&all, "/scope"),
        [("tools:review:a".to_owned(), json!("plugin"))]
    );
    enabled(false);
    until(&daemon, "it is off", |all| all.is_empty());
    let changes = daemon
        .read("/registry/changes?since=1")
        .expect("the changes");
    let last = changes["events"]
        .as_array()
        .and_then(|events| events.last());
    let reason = &last.expect("a change")["reason"];
    assert_eq!(reason, "plugin_disabled", "{changes}");
    enabled(true);
    until(&daemon, "it is on", |all| all.len() == 1);
    write(&plugin.join("agents"), "b", &definition("b", ""));
    let all = until(&daemon, "it has one more", |all| all.len() == 2);
    assert_eq!(all[0]["run_name"], "tools:b");
}
