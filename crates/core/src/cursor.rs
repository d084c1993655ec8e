//! How far a view has applied the journal.

use std::fmt;

/// `{epoch}:{seq}`. The epoch is made with the journal, at random, so that two journals are never
/// taken for one; `seq` is the last change that is in the view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub epoch: String,
    pub seq: u64,
}

impl Cursor {
    pub fn new(epoch: &str, seq: u64) -> Cursor {
        Cursor {
            epoch: epoch.to_owned(),
            seq,
        }
    }

    pub fn parse(text: &str) -> Option<Cursor> {
        let (epoch, seq) = text.split_once(':')?;
        let seq = seq.parse().ok()?;
        (!epoch.is_empty()).then(|| Cursor::new(epoch, seq))
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.epoch, self.seq)
    }
}
