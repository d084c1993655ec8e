//! Whose numbers are in a Redis.

use agentpulse_live::without_layout;
use agentpulse_pipeline::applier::REBUILDING;

/// The fix of a foreign cursor.
pub const FOREIGN_FIX: &str = "set redis.prefix to a name of its own, or give them up with \
                                agentpulse rebuild --force";

/// Whether the cursor that stands in a Redis is of a journal with these epochs. A daemon writes no
/// key before its cursor: one that is there without it, `key`, is another program's.
///
/// # Errors
/// Whose it is, in words.
pub fn cursor_is_ours(
    cursor: Option<&str>,
    key: Option<&str>,
    epochs: &[String],
) -> Result<(), String> {
    let Some(cursor) = cursor else {
        return key.map_or(Ok(()), |key| {
            Err(format!(
                "keys of our names that no daemon wrote are in this Redis, {key} for one, and \
                 would be deleted"
            ))
        });
    };
    let epoch = cursor
        .trim_start_matches(REBUILDING)
        .trim_start_matches(':');
    let epoch = epoch.split(':').next().unwrap_or_default();
    let epoch = without_layout(epoch);
    if epoch.is_empty() || epochs.iter().any(|known| known == epoch) {
        return Ok(());
    }
    Err(format!(
        "another daemon's numbers are in this Redis (journal:cursor is {cursor})"
    ))
}
