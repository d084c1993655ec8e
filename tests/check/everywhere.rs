//! Every place at once.

use super::answers::over_http;
use super::redis_keys;
use crate::harness::{Daemon, eventually};
use crate::model::World;

/// Waits until HTTP, the private Redis and history all say what the model says.
#[track_caller]
pub fn everywhere(daemon: &Daemon, world: &World) {
    eventually("HTTP equals the model", || over_http(daemon, world));
    eventually("Redis equals the model", || {
        redis_keys::everything(&daemon.redis_socket(), "", world)
    });
}
