//! Frames as they are sent: JSON, written once for all.

use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;

use super::element::Element;
use super::snapshot::{Resync, Snapshot};
use crate::active::ActiveList;

/// The texts that clients are sent together, in their order.
pub type Frame = Arc<[Bytes]>;

/// Larger than 200 usual executions by far. More is shown by a snapshot.
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

/// A text of the socket for each message. Returns None if they would be too large.
pub(super) fn messages(messages: &[impl Serialize]) -> Option<Frame> {
    let mut bytes = 0;
    let texts = messages.iter().map(|message| {
        let mut text = Vec::new();
        write(&mut text, message);
        bytes += text.len();
        (bytes <= MAX_CHANGES_BYTES).then(|| Bytes::from(text))
    });
    texts.collect()
}

pub(super) fn snapshot(seq: u64, of: &Snapshot) -> Bytes {
    let head = format!(r#"{{"type":"snapshot","seq":{seq}"#);
    whole(head, &of.data, &of.active)
}

/// `reason` is a few plain words of ours.
pub(super) fn resync(seq: u64, reason: &str, of: &Resync) -> Bytes {
    let head = format!(r#"{{"type":"resync","seq":{seq},"reason":"{reason}""#);
    whole(head, &of.data, &of.active)
}

fn whole(head: String, data: &impl Serialize, list: &ActiveList) -> Bytes {
    let mut frame = head.into_bytes();
    frame.extend_from_slice(br#","data":"#);
    write(&mut frame, data);
    frame.extend_from_slice(br#","active":"#);
    write(&mut frame, &list.active);
    frame.extend_from_slice(format!(r#","omitted":{}}}"#, list.omitted).as_bytes());
    frame.into()
}

fn write(out: &mut Vec<u8>, value: &impl Serialize) {
    serde_json::to_writer(out, value)
        .expect("memory takes every byte, and every key of ours is a string");
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::active as list;
    use crate::current::{self, Totals};
    use crate::samples::{active, shown};
    use agentpulse_core::bucket::Day;
    use agentpulse_core::tally::Tally;
    use agentpulse_pipeline::running::RunSnapshot;

    fn read(frame: &Bytes) -> Value {
        serde_json::from_slice(frame).unwrap()
    }

    #[test]
    fn messages_that_are_too_large_are_no_frame() {
        let text = |bytes: usize| "d".repeat(bytes);
        assert_eq!(messages(&[text(9), text(9)]).unwrap().len(), 2);
        let half = MAX_CHANGES_BYTES / 2;
        assert!(messages(&[text(half), text(half)]).is_none());
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
        let running = [active("x", 1_000), active("y", 2_000)].map(shown);
        let list = || list::build(&running, 3, 1 << 20, 3_000);
        let totals = || Totals::of(Day(0), 5, &Tally::default());
        let details = running.iter().map(RunSnapshot::active);
        let first = Snapshot {
            data: current::build(totals(), details, 3_000),
            active: list(),
        };
        let later = Resync {
            data: totals(),
            active: list(),
        };
        let (snapshot, resync) = (snapshot(3, &first), resync(4, "too much", &later));
        let (snapshot, resync) = (read(&snapshot), read(&resync));
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
        let mut data = snapshot["data"].clone();
        data.as_object_mut().unwrap().remove("active_agent_details");
        assert_eq!(resync["data"], data);
    }
}
