//! The stream of changes. Each frame is built once, and shared by all clients:
//!
//! ```text
//! {"type":"snapshot","seq":n,"data":<metrics/current>,"active":[<as in /active>],
//!  "omitted":<as in /active>}
//! {"type":"changes","seq":n+1,"data":[
//!     {"kind":"started","execution":<as in /active>},       it runs now, or runs again
//!     {"kind":"progress","execution":<as in /active>},      its last heartbeat
//!     {"kind":"stopped","execution":<as in /executions>},   it ended, or timed out
//!     {"kind":"corrected","execution":<as in /executions>}, it had ended, and was corrected
//!     {"kind":"alert","alert":<as in /alerts>},             it fires, or is resolved
//!     {"kind":"definition","definition":<as in /registry/changes>},
//!     {"kind":"totals","data":<totals>}]}                   twice a second at most
//! {"type":"resync","seq":n+2,"reason":"…","data":<totals>,"active":[…],"omitted":…}
//! ```
//!
//! The snapshot comes first; its number is that of the last frame before it. Every frame of
//! `changes` and every `resync` has the next number, so that a client sees a gap; the stream itself
//! allows no gap: if it has not shown every change, because there were more than one frame holds or
//! because it lost them, it sends all clients a resync. While more and more come its list is a
//! short one, of the oldest executions, so that a load does not become bytes; changes follow again
//! after a longer list. Executions that ended in such a gap must be read again. Totals are
//! `metrics/current` without its executions, which clients have by the changes.
//!
//! A change is shown once it is true for reads, which are answered by the live view or, while that
//! is unreachable or behind, by history: so what a client adds up and what it reads fit together.
//! (A cached answer may be a quarter of a second older.) A snapshot may hold changes whose frame is
//! still to come; each of them sets values and adds nothing, so that it may be shown twice.
//! Heartbeats are shown as they arrive, of very many those that waited longest, after their
//! execution's start and never after its end.
//!
//! The existing dashboard is sent the same changes in its own words (`dashboard`), and its whole
//! status after a gap.
//!
//! Clients of the registry's stream are sent whole agents whose definitions or numbers have changed
//! (`registry`), and alerts.
//!
//! A client that is too slow for its frames is closed with that reason and has to connect again.

mod alerts;
mod channels;
mod clients;
mod dashboard;
mod dashboard_feed;
mod definition_feed;
mod element;
mod frame;
mod gap;
mod hub;
mod registry;
mod registry_feed;
mod snapshot;

pub use channels::{Dialect, Joined};
pub use clients::{Place, Stream, open};
pub use hub::{Hub, Watched};
