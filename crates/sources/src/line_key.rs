//! What stands for a line, and the id of a run that came without one.

/// Stands for the line that brought an event, also when the same delivery comes again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineKey(pub u128);

impl LineKey {
    /// The id of the run that the line says all of. It reads as no secret, so it stays whole.
    pub(crate) fn run_id(self) -> String {
        format!("run-{:032x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clean_name;

    #[test]
    fn the_id_of_a_run_is_stored_as_it_is() {
        let keys = (0..10_000_u64).map(|n| xxhash_rust::xxh3::xxh3_128(&n.to_le_bytes()));
        for key in keys.chain([0, u128::MAX]) {
            let id = LineKey(key).run_id();
            assert_eq!(clean_name(id.clone()), Some(id));
        }
    }
}
