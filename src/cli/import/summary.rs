//! What became of the transcripts.

use std::collections::BTreeMap;

use crate::cli::delivery::Totals;

/// A reason may quote the system; so many different ones are shown, the rest is counted.
const MAX_REASONS: usize = 20;
const OTHER_REASONS: &str = "for other reasons";

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// All that were found.
    pub transcripts: u64,
    /// Transcripts of which something was sent.
    pub sent: u64,
    /// Turns that were sent.
    pub turns: u64,
    /// Turns that ended before the daemon's memory.
    pub turns_too_old: u64,
    /// Turns that ended before the day that was asked for.
    pub turns_unwanted: u64,
    skipped: BTreeMap<String, u64>,
    folders: u64,
}

impl Summary {
    pub fn skip(&mut self, reason: &str) {
        let is_known = self.skipped.contains_key(reason);
        let has_room = is_known || self.skipped.len() < MAX_REASONS;
        let reason = if has_room { reason } else { OTHER_REASONS };
        *self.skipped.entry(reason.to_owned()).or_default() += 1;
    }

    pub fn skip_folder(&mut self) {
        self.folders += 1;
    }

    /// For people; one line each for what was sent, and for what was not and why.
    pub fn report(&self, totals: &Totals) -> String {
        let Summary {
            transcripts,
            sent,
            turns,
            ..
        } = self;
        let Totals {
            accepted,
            duplicate,
            rejected,
            ..
        } = totals;
        let mut report = format!(
            "{transcripts} transcripts, {turns} turns of {sent} of them sent: \
             {accepted} lines accepted, {duplicate} duplicate, {rejected} refused\n"
        );
        let mut add = |count: u64, what: &str| {
            if count > 0 {
                report.push_str(&format!("not sent: {count} {what}\n"));
            }
        };
        add(self.turns_unwanted, "turns that ended before --since");
        let too_old = "turns that ended longer ago than history.keep";
        add(self.turns_too_old, too_old);
        for (reason, count) in &self.skipped {
            add(*count, &format!("transcripts, {reason}"));
        }
        add(self.folders, "folders that cannot be read");
        report
    }
}
