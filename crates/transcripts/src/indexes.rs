//! What is known of the transcripts that were read, for all readers together.

use super::originals::Originals;
use super::prompts::Prompts;
use super::said::SaidByClients;

#[derive(Default)]
pub struct Indexes {
    pub(super) prompts: Prompts,
    pub(super) originals: Originals,
    pub said: SaidByClients,
}
