//! In which form the keys hold what they hold.

/// Goes up when a key, a field or the JSON of an element changes: a Redis that was written in
/// another layout is rebuilt, because elements are taken out of a list by their whole text.
const LAYOUT: u32 = 3;

/// What stands before the number of the change in the cursor of Redis. Version 0.1.0, whose layout
/// was the first, wrote the epoch alone.
pub fn with_layout(epoch: &str) -> String {
    format!("{epoch}/{LAYOUT}")
}

/// The epoch, whatever the layout.
pub fn without_layout(epoch: &str) -> &str {
    epoch.split_once('/').map_or(epoch, |(epoch, _)| epoch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_is_found_behind_any_layout() {
        let written = with_layout("0a1b");
        assert_ne!(written, "0a1b");
        for written in [written.as_str(), "0a1b", "0a1b/1", "0a1b/x"] {
            assert_eq!(without_layout(written), "0a1b");
        }
    }
}
