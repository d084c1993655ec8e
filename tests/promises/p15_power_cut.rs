//! P15, with the power cut: what a command said it had done is there afterwards, and what was cut
//! has left the old data or the new ones.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use super::p15_restore::{crashed, has_crash_points, make_old, stopped};
use crate::check;
use crate::harness::events::stop;
use crate::harness::power_cut::Power;
use crate::harness::{program, short_program, wait_exit};
use crate::model::World;

fn power() -> Option<Power> {
    let power = Power::supply();
    if power.is_none() {
        eprintln!("skipped: no library can be preloaded here");
    }
    power
}

fn run(power: &Power, data: &Path, arguments: &[&str]) -> Output {
    let mut command = short_program();
    command.args(arguments).arg("--data-dir").arg(data);
    command.envs(power.environment());
    let told = command.output().expect("it ends");
    assert!(told.status.success(), "{arguments:?}: {told:?}");
    told
}

fn backups(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder of backups");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .filter(|path| path.extension().is_some_and(|ending| ending == "tar"))
        .collect()
}

/// With a folder that was not on the disk would go whatever was synced in it.
#[test]
fn p15_what_was_done_in_new_folders_survives_a_power_cut() {
    let Some(power) = power() else { return };
    let (mut daemon, file, then, _) = stopped();
    let file = file.to_str().expect("UTF-8");
    let place = daemon.folder.path().join("place");
    fs::create_dir(&place).expect("a new folder");
    power.seed(&place);
    let [data, keys, other] = ["a/b/data", "keys/data", "backups/"].map(|name| place.join(name));
    run(&power, &data, &["restore", file]);
    run(&power, &data, &["backup"]);
    run(&power, &data, &["backup", other.to_str().expect("UTF-8")]);
    run(&power, &keys, &["key", "create", "one"]);
    power.cut_folder(&place);

    let listed = run(&power, &keys, &["key", "list"]);
    assert!(String::from_utf8_lossy(&listed.stdout).contains("one"));
    let made = [backups(&data.join("backups")), backups(&other)].concat();
    assert_eq!(made.len(), 2);
    for file in made {
        run(
            &power,
            &data,
            &["restore", "--force", file.to_str().expect("UTF-8")],
        );
    }
    daemon.data = data;
    daemon.restart();
    check::everywhere(&daemon, &World::of(&then));
}

#[test]
fn p15_a_restore_that_the_power_cuts_leaves_the_old_data_or_the_new_ones() {
    let Some(power) = power() else { return };
    if !has_crash_points() {
        return;
    }
    let (mut daemon, file, then, all) = stopped();
    let mut present = all;
    for place in ["unpacked", "ready", "placed:1", "placed:2", "done", "end"] {
        power.seed(&daemon.data);
        let place = format!("restore.{place}");
        // Without `timeout`, which hides the signal that a program died of.
        let mut command = program();
        command
            .env("AGENTPULSE_CRASH_AT", &place)
            .envs(power.environment());
        command.arg("restore").arg(&file).arg("--force");
        let told = command.arg("--data-dir").arg(&daemon.data).output();
        let told = told.expect("it ends");
        match place.as_str() {
            "restore.end" => assert!(told.status.success(), "{told:?}"),
            place => crashed(&told, place),
        }
        power.cut_folder(&daemon.data);
        daemon.restart();
        if place != "restore.unpacked" {
            present = then.clone();
        }
        check::everywhere(&daemon, &World::of(&present));
        // What is lost with the next restore, so that old and new differ.
        present.extend(daemon.accept(&[stop(&place)]));
        check::everywhere(&daemon, &World::of(&present));
        assert_eq!(daemon.sigterm().code(), Some(0));
    }
}

#[test]
fn p15_databases_that_are_brought_forward_survive_a_power_cut() {
    let Some(power) = power() else { return };
    if !has_crash_points() {
        return;
    }
    let (mut daemon, _, _, all) = stopped();
    for place in ["migrate.done:2", "migrate.begin:3", "migrate.done:3"] {
        make_old(&daemon.data);
        power.seed(&daemon.data);
        let environment = power.environment().into_iter();
        let setup = daemon.setup.clone().crash_at(place);
        let setup = environment.fold(setup, |setup, (name, value)| {
            setup.environment(name, &value)
        });
        wait_exit(&mut setup.spawn(&daemon.data));
        power.cut_folder(&daemon.data);
        daemon.restart();
        check::everywhere(&daemon, &World::of(&all));
        assert_eq!(daemon.sigterm().code(), Some(0));
    }
}
