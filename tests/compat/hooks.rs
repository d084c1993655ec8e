//! Hook programs of released versions that are still in use, and hooks that they have installed.

use std::fs;

use super::{Frozen, setup};
use crate::harness::wire::Client;
use crate::harness::{eventually, folder, short_program};

/// The lines as the hook program sends them, each on a connection of its own that stays open until
/// its line is counted. Then all of them once more from both spools, as hooks leave what they saw
/// no answer for.
#[test]
fn lines_of_released_hook_programs_are_counted_once() {
    for frozen in Frozen::with("hook-answers.json") {
        // The first version counted no main threads.
        let mut daemon = setup().set("claude_code.main_thread", "false").start();
        let lines = fs::read_to_string(frozen.folder.join("hooks.jsonl")).expect("the lines");
        for line in lines.split_inclusive('\n') {
            let mut hook = Client::connect(&daemon.socket()).expect("the daemon listens");
            hook.send(line.as_bytes()).expect("it reads");
            let answer = hook.read_until(1).expect("it answers");
            assert_eq!(answer.totals.rejected, 0, "{answer:?}: {line}");
        }
        eventually("as then", || frozen.counts(&daemon, None));
        assert_eq!(daemon.sigterm().code(), Some(0));
        let beside_socket = daemon.socket().with_extension("sock.spool");
        let spools = [daemon.data.join("spool"), beside_socket];
        for (n, line) in lines.split_inclusive('\n').enumerate() {
            let spool = &spools[n % 2];
            fs::create_dir_all(spool).expect("a folder");
            let name = format!("{n:020}-{n:032x}-{}.json", line.len());
            fs::write(spool.join(name), line).expect("a file");
        }
        daemon.restart();
        for spool in &spools {
            let left = fs::read_dir(spool).expect("the spool").count();
            assert_eq!(
                left,
                0,
                "{} is taken before the start ends",
                spool.display()
            );
        }
        assert_eq!(daemon.sigterm().code(), Some(0));
        daemon.restart();
        eventually("counted once", || frozen.counts(&daemon, None));
    }
}

#[test]
fn hooks_that_released_versions_installed_are_taken_out() {
    for frozen in Frozen::all() {
        let before = fs::read_to_string(frozen.folder.join("claude-settings.json"));
        let folder = folder();
        let settings = folder.path().join("settings.json");
        let installed = frozen.folder.join("claude-settings.installed.json");
        fs::copy(installed, &settings).expect("a copy");
        let mut uninstall = short_program();
        uninstall.args(["hooks", "uninstall", "--settings"]);
        let done = uninstall.arg(&settings).output().expect("the program runs");
        assert!(done.status.success(), "{done:?}");
        let after = fs::read_to_string(&settings).expect("it is left");
        assert_eq!(after, before.expect("the settings"));
    }
}
