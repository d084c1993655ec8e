//! stub
use crate::domain::price::Prices;
use crate::domain::transcript::Usage;
use std::path::{Path, PathBuf};
#[derive(Debug, thiserror::Error)]
#[error("missing")]
pub struct Unreadable;
impl Unreadable {
    pub fn is_passing(&self) -> bool {
        true
    }
}
pub fn read(
    _roots: &[PathBuf],
    _path: &Path,
    _max: u64,
    _from: u64,
    _ended_ms: Option<i64>,
    _prices: &Prices,
) -> Result<Usage, Unreadable> {
    Err(Unreadable)
}
pub struct Sidecar {
    pub parent_agent_id: Option<String>,
    pub model: Option<String>,
    pub description: Option<String>,
    pub spawn_depth: Option<u64>,
}
pub fn sidecar(_roots: &[PathBuf], _path: &Path) -> Option<Sidecar> {
    None
}
