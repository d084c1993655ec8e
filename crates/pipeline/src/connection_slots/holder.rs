//! Whose a connection is, and what its requests are admitted for.

use crate::address::Network;

/// Whose a connection is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ConnectionHolder {
    /// By its id.
    Key(String),
    Network(Network),
    /// Of this machine, at a Unix socket; `None` if the system does not report it.
    Process(Option<i32>),
}

impl ConnectionHolder {
    /// Who uses a socket of the daemon's own user has shown as much as a key.
    pub fn rank(&self) -> Rank {
        match self {
            ConnectionHolder::Network(_) => Rank::Anonymous,
            ConnectionHolder::Key(_) | ConnectionHolder::Process(_) => Rank::Keyed,
        }
    }

    /// Loopback is many clients without a key, and often all that there are.
    pub fn is_many(&self) -> bool {
        matches!(self, ConnectionHolder::Network(network) if network.is_loopback())
    }
}

/// What a request is admitted for: each has the places that those before it may not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    Anonymous,
    Keyed,
    /// `/health` and `/ready`: who watches the daemon is to know how it is.
    Probe,
}
