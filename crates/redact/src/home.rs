//! Home folders: a path says where something is, not whose machine it was.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memchr2;
use memchr::memmem::Finder;

use super::bytes::run;

/// What stands before the name of a user, and what stands for both. The last two are how Claude
/// Code names a folder by another's path.
const ROOTS: [(&str, &str); 7] = [
    (":/Users/", "~"),
    (":\\Users\\", "~"),
    (":\\\\Users\\\\", "~"),
    ("/home/", "~"),
    ("/Users/", "~"),
    ("/-home-", "/-~"),
    ("/-Users-", "/-~"),
];
/// Folders that are nobody's.
const SHARED: [&str; 5] = ["Shared", "Public", "Default", "linuxbrew", "runner"];
const MAX_USER_BYTES: usize = 64;

static FINDERS: LazyLock<[Finder<'static>; 7]> =
    LazyLock::new(|| ROOTS.map(|(root, _)| Finder::new(root)));

/// The text with `~` in the place of home folders; borrowed when it has none. Doing it again
/// changes nothing.
pub fn without_homes(text: &str) -> Cow<'_, str> {
    let mut clean = Cow::Borrowed(text);
    if memchr2(b'/', b'\\', text.as_bytes()).is_none() {
        return clean;
    }
    for (finder, (root, stands_for)) in FINDERS.iter().zip(ROOTS) {
        if let Some(next) = without(&clean, finder, root, stands_for) {
            clean = Cow::Owned(next);
        }
    }
    clean
}

fn without(text: &str, finder: &Finder, root: &str, stands_for: &str) -> Option<String> {
    let mut clean = String::new();
    let mut copied = 0;
    for at in finder.find_iter(text.as_bytes()) {
        let Some((start, end)) = home_at(text, at, root) else {
            continue;
        };
        // Of overlapping ones the first has taken the other.
        if start >= copied {
            clean.push_str(&text[copied..start]);
            clean.push_str(stands_for);
            copied = end;
        }
    }
    if copied == 0 {
        return None;
    }
    clean.push_str(&text[copied..]);
    Some(clean)
}

/// Where the home folder lies whose root stands at `at`.
fn home_at(text: &str, at: usize, root: &str) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let before = at.checked_sub(1).map(|before| bytes[before]);
    let from = at + root.len();
    let class = if root.starts_with("/-") {
        is_user_of_folder
    } else {
        is_user
    };
    let user = &text[from..from + run(bytes, from, class)];
    // A user is followed by the rest of the path, or by nothing; a sentence ends with a full stop.
    let user = user.trim_end_matches('.');
    if user.is_empty() || user.len() > MAX_USER_BYTES || SHARED.contains(&user) {
        return None;
    }
    let end = from + user.len();
    if root.starts_with(':') {
        // The letter of the drive.
        return before
            .filter(u8::is_ascii_alphabetic)
            .map(|_| (at - 1, end));
    }
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || b"._-~)]}".contains(&byte);
    let is_root = root.starts_with("/-") || !before.is_some_and(is_inner);
    is_root.then_some((at, end))
}

fn is_user(byte: u8) -> bool {
    is_user_of_folder(byte) || byte == b'-'
}

fn is_user_of_folder(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.') || !byte.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn home_folders_are_a_tilde_and_other_paths_stay() {
        let check = |text: &str, wanted: &str| {
            assert_eq!(without_homes(text), wanted, "{text}");
            assert_eq!(without_homes(wanted), wanted, "{wanted}");
        };
        check("/home/alice/app/src/main.rs:7", "~/app/src/main.rs:7");
        check("in /home/alice and /Users/bo.b/x.", "in ~ and ~/x.");
        check("see /home/alice.", "see ~.");
        check("file:///home/zo\u{eb}/a", "file://~/a");
        check(
            "C:\\Users\\Al\\a c:\\\\Users\\\\Al\\\\b D:/Users/Al/c",
            "~\\a ~\\\\b ~/c",
        );
        check(
            "/home/al/.claude/projects/-home-al-app/3f.jsonl",
            "~/.claude/projects/-~-app/3f.jsonl",
        );
        for text in [
            "https://example.com/home/page",
            "/mnt/home/page",
            "/Users/Shared/x",
            "/home/runner/work",
            "/home/",
            "./home/a",
            "/root/a",
            "a homely place",
        ] {
            assert!(
                matches!(without_homes(text), Cow::Borrowed(same) if same == text),
                "{text}"
            );
        }
    }
}
