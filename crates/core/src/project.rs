//! What is kept of the names of projects.

use sha2::{Digest, Sha256};

/// What stands before a hash.
const MARK: &str = "#";
/// Of a hash: two of a million names are one by a chance of 10^-7.
const DIGITS: usize = 16;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProjectNames {
    #[default]
    Name,
    /// A hash of it, so that the same project stays the same. It has no key, as it must be the same
    /// after a restore: who guesses a name can see that the guess is right.
    Hash,
    Off,
}

impl ProjectNames {
    /// Doing it again is as doing it once.
    pub fn keep(self, project: String) -> Option<String> {
        match self {
            ProjectNames::Name => Some(project),
            ProjectNames::Hash if is_hash(&project) => Some(project),
            ProjectNames::Hash => Some(hash(&project)),
            ProjectNames::Off => None,
        }
    }
}

fn hash(project: &str) -> String {
    let bytes = Sha256::digest(project).into_iter().take(DIGITS / 2);
    bytes.fold(MARK.to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

fn is_hash(project: &str) -> bool {
    let digits = project.strip_prefix(MARK).unwrap_or_default();
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    digits.len() == DIGITS && digits.bytes().all(is_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_project_has_the_same_hash() {
        // By `printf '~/shop' | sha256sum`.
        let shop = "#4a77f944b74d6b42";
        let kept = |project: &str| ProjectNames::Hash.keep(project.to_owned());
        assert_eq!(kept("~/shop").as_deref(), Some(shop));
        assert_eq!(kept(shop).as_deref(), Some(shop));
        assert_ne!(kept("~/shop2").as_deref(), Some(shop));
        assert_ne!(kept("#1").as_deref(), Some("#1"));
        let name = || "~/shop".to_owned();
        assert_eq!(ProjectNames::Name.keep(name()), Some(name()));
        assert_eq!(ProjectNames::Off.keep(name()), None);
    }
}
