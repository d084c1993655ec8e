//! P14: two daemons never share a folder, a socket, or a Redis prefix (for that one see P4).

use std::fs;

use crate::check;
use crate::harness::events::stops;
use crate::harness::{Exit, Setup};
use crate::model::World;

#[track_caller]
fn gives_up(exit: &Exit, word: &str) {
    assert_eq!(exit.code, Some(75), "{}", exit.log);
    assert!(exit.log.contains(word), "{word} is not in:\n{}", exit.log);
}

#[test]
fn p14_a_second_daemon_on_the_same_folder_exits_75_and_harms_nothing() {
    let daemon = Setup::new().start();
    let address = fs::read_to_string(daemon.data.join("http.addr")).expect("the address");
    gives_up(&Setup::new().run_to_exit(&daemon.data), "already runs");
    let arrivals = daemon.accept(&stops("a", 1));
    check::everywhere(&daemon, &World::of(&arrivals));
    // The harness removes the file before every start; only the first daemon may write it.
    assert!(
        !daemon.data.join("http.addr").exists(),
        "the second has written over {address}"
    );
}

#[test]
fn p14_a_second_daemon_on_the_same_socket_exits_75_and_takes_nothing() {
    let daemon = Setup::new().start();
    let socket = daemon.socket();
    let exit = Setup::new().socket(&socket).run_to_exit_anywhere();
    gives_up(&exit, "another process listens");
    let arrivals = daemon.accept(&stops("a", 1));
    check::everywhere(&daemon, &World::of(&arrivals));
}

#[test]
fn p14_a_socket_that_a_killed_daemon_left_is_taken_over() {
    let mut first = Setup::new().start();
    let socket = first.socket();
    first.kill9();
    assert!(socket.exists());
    let second = Setup::new().socket(&socket).start();
    let told = crate::harness::wire::tell(&socket, format!("{}\n", stops("a", 1)[0]).as_bytes());
    assert_eq!(told.expect("an answer").totals.accepted, 1);
    drop(second);
}
