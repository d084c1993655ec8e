//! How one definition does, and which agents it works with.

use serde_json::json;

use super::answers::{stop, with_runs};
use super::home::{Home, agents, refresh, write};
use crate::harness::eventually;

#[test]
fn one_definition_has_its_health_and_the_agents_it_works_with() {
    let home = Home::new();
    let daemon = with_runs(&home);
    let of = |id: &str, name: &str, parent: &str| {
        json!({"event": "stop", "agent_id": id, "agent_name": name, "parent_agent_id": parent,
            "status": "success", "duration_ms": 5})
    };
    daemon.accept(&[
        of("c1", "helper", "w1"),
        of("c2", "helper", "w2"),
        of("c3", "idler", "w2"),
        of("c4", "writer", "r2"),
        of("c5", "helper", "unknown"),
    ]);
    let writer = eventually("the launches are in history", || {
        let writer = daemon.read("/registry/agents/writer")?;
        let is_whole = writer["performance"]["total_tasks"] == 4;
        is_whole.then(|| writer.clone()).ok_or(writer.to_string())
    });
    let expected = json!({
        "parents": [{"name": "reviewer", "launches": 1}],
        "children": [{"name": "helper", "launches": 2}, {"name": "idler", "launches": 1}],
        "is_whole": true,
    });
    assert_eq!(writer["relationships"], expected);
    let healthy = json!({"file": "ok", "loadable": "ok", "recent": "ok", "alive": "ok"});
    assert_eq!(writer["health"], healthy);
    for n in 0..5 {
        let run = stop(&format!("f{n}"), "idler", None, "failure", 5);
        daemon.accept(&[run]);
    }
    write(&home.user(), "idler", "---\nname: [\n---\n");
    refresh(&daemon);
    let sick = json!({"file": "ok", "loadable": "error", "recent": "failing", "alive": "idle"});
    eventually("its failures are in history", || {
        let idler = daemon.read("/registry/agents/idler")?;
        let is_sick = idler["health"] == sick;
        is_sick.then_some(()).ok_or(idler["health"].to_string())
    });
    let listed = agents(&daemon, "&q=writer");
    assert!(listed[0].get("health").is_none());
}
