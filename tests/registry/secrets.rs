//! What a definition has of secrets, and its prompt, is in no answer and in no file.

use super::home::{Home, refresh, write};
use crate::harness::bytes::search;
use crate::harness::eventually;

/// Made up.
const SECRET: &str = "hunter2hunter2xyz";
const PROMPT: &str = "whisper of the marigold";

#[test]
fn no_secret_and_no_prompt_of_a_definition_is_shown_or_kept() {
    let home = Home::new();
    let text = format!(
        "---\nname: deployer\ndescription: Deploys with password={SECRET} to the shop.\n\
         tools: Read\napi_key: {SECRET}\nmodel: password={SECRET}\n---\n\
         # Use password={SECRET}\n{PROMPT} {SECRET}\n"
    );
    write(&home.user(), "deployer", &text);
    let daemon = home.setup().start();
    let mut answers = String::new();
    for path in [
        "/registry/agents",
        "/registry/agents/deployer",
        "/registry/stats",
        "/registry/conflicts",
        "/registry/changes",
        "/metrics",
    ] {
        answers += &daemon.get(path).text();
    }
    assert!(
        answers.contains("deployer") && answers.contains("[redacted:"),
        "{answers}"
    );
    for hidden in [SECRET, PROMPT] {
        assert!(!answers.contains(hidden), "{hidden} is in {answers}");
    }
    write(&home.user(), "deployer", &text.replace("name:", "nome:"));
    refresh(&daemon);
    eventually("the history has been written", || {
        let files = [SECRET, PROMPT].map(|hidden| search(&daemon.data, hidden));
        (files[0] > 3).then_some(()).ok_or(format!("{files:?}"))
    });
}
