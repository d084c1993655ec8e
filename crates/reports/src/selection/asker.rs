//! Who asks: outcomes move the answers of the one that reported them, and nobody else's.

const KEY: &str = "key ";
const AGENT: &str = "agent ";
/// The user of this machine, where no agent is named.
const USER: &str = "user";

/// Who asks, as far as the daemon knows.
#[derive(Clone, Debug)]
pub struct Asker {
    /// The name of the key; None where none is required, and on the control socket.
    pub key: Option<String>,
    /// Whether it may also report how a selection ended.
    pub may_report: bool,
}

impl Asker {
    pub const LOCAL: Asker = Asker {
        key: None,
        may_report: true,
    };

    /// Whose outcomes count. What a holder of a key says of its caller is not proven, so that the
    /// key alone counts.
    pub(super) fn name(&self, caller: Option<&str>) -> String {
        match (&self.key, caller) {
            (Some(key), _) => format!("{KEY}{key}"),
            (None, Some(caller)) => format!("{AGENT}{caller}"),
            (None, None) => USER.to_owned(),
        }
    }

    /// Whether a selection of that name was asked for by this one.
    pub(super) fn has_asked(&self, name: &str) -> bool {
        match &self.key {
            Some(_) => name == self.name(None),
            None => !name.starts_with(KEY),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_one_asker_whatever_agent_it_names() {
        let key = Asker {
            key: Some("ci".to_owned()),
            may_report: true,
        };
        assert_eq!(key.name(Some("planner")), "key ci");
        assert!(key.has_asked("key ci") && !key.has_asked("key cd") && !key.has_asked("user"));
        let local = Asker::LOCAL;
        assert_eq!(local.name(Some("key ci")), "agent key ci");
        assert!(local.has_asked("user") && local.has_asked("agent planner"));
        assert!(!local.has_asked("key ci"));
    }
}
