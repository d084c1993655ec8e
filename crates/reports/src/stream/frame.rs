//! Frames as they are sent: JSON, written once for all.

use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;

use super::element::Element;
use super::snapshot::Snapshot;

/// The texts that clients are sent together, in their order.
pub type Frame = Arc<[Bytes]>;

/// Larger than 200 usual executions by far. More changes are shown by a snapshot.
const MAX_CHANGES_BYTES: usize = 1 << 20;

/// Returns None if it would be too large.
pub(super) fn changes(seq: u64, elements: &[Element]) -> Option<Bytes> {
    let mut frame = format!(r#"{{"type":"changes","seq":{seq},"data":["#).into_bytes();
    for (i, element) in elements.iter().enumerate() {
        if i > 0 {
            frame.push(b',');
        }
        write(&mut frame, element);
        if frame.len() > MAX_CHANGES_BYTES {
            return None;
        }
    }
    frame.extend_from_slice(b"]}");
    Some(frame.into())
}

/// The common part of all frames with the same snapshot.
pub(super) struct Body(Vec<u8>);

impl Body {
    pub fn of(snapshot: &Snapshot) -> Body {
        let mut body = br#""data":"#.to_vec();
        write(&mut body, &snapshot.data);
        body.extend_from_slice(br#","active":"#);
        write(&mut body, &snapshot.active.active);
        let omitted = snapshot.active.omitted;
        body.extend_from_slice(format!(r#","omitted":{omitted}}}"#).as_bytes());
        Body(body)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn snapshot(&self, seq: u64) -> Bytes {
        self.after(format!(r#"{{"type":"snapshot","seq":{seq},"#))
    }

    /// `reason` is a few plain words of ours.
    pub fn resync(&self, seq: u64, reason: &str) -> Bytes {
        self.after(format!(
            r#"{{"type":"resync","seq":{seq},"reason":"{reason}","#
        ))
    }

    fn after(&self, head: String) -> Bytes {
        [head.as_bytes(), &self.0].concat().into()
    }
}

fn write(out: &mut Vec<u8>, value: &impl Serialize) {
    serde_json::to_writer(out, value)
        .expect("memory takes every byte, and every key of ours is a string");
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::samples::{active, shown};
    use crate::{active as list, current};
    use agentpulse_core::bucket::Day;
    use agentpulse_core::tally::Tally;
    use agentpulse_pipeline::running::RunSnapshot;

    fn read(frame: &Bytes) -> Value {
        serde_json::from_slice(frame).unwrap()
    }

    fn snapshot() -> Snapshot {
        let running = [active("x", 1_000), active("y", 2_000)].map(shown);
        let details = running.iter().map(RunSnapshot::active);
        Snapshot {
            data: current::build(Day(0), 5, details, &Tally::default(), 3_000),
            active: list::build(&running, 3, 1 << 20, 3_000),
        }
    }

    #[test]
    fn changes_in_one_array() {
        let progress = |id: &str| Element::progress(active(id, 1_000), 3_000);
        let frame = read(&changes(7, &[progress("x"), progress("y")]).unwrap());
        assert_eq!(
            (&frame["type"], &frame["seq"]),
            (&json!("changes"), &json!(7))
        );
        assert_eq!(frame["data"][1]["kind"], "progress");
        assert_eq!(frame["data"][1]["execution"]["agent_id"], "y");
        assert_eq!(read(&changes(8, &[]).unwrap())["data"], json!([]));
    }

    #[test]
    fn changes_that_are_too_large_are_none() {
        let mut large = active("x", 1_000);
        large.task_description = Some("d".repeat(MAX_CHANGES_BYTES));
        assert_eq!(changes(1, &[Element::progress(large, 3_000)]), None);
    }

    #[test]
    fn a_picture_by_its_two_names() {
        let body = Body::of(&snapshot());
        let (snapshot, resync) = (read(&body.snapshot(3)), read(&body.resync(4, "too much")));
        assert_eq!(snapshot["type"], "snapshot");
        assert_eq!(snapshot["seq"], 3);
        assert_eq!(snapshot["data"]["active_agents"], 5);
        assert_eq!(snapshot["omitted"], 3);
        assert_eq!(snapshot["active"][0]["agent_id"], "x");
        assert_eq!(
            (&resync["seq"], &resync["reason"]),
            (&json!(4), &json!("too much"))
        );
        assert_eq!(resync["type"], "resync");
        assert_eq!(resync["active"], snapshot["active"]);
    }
}
