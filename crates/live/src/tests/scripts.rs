//! Rules that every script keeps.

#[test]
fn each_script_tells_what_it_takes_and_is_refused_whole_when_memory_is_full() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../lua");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let path = path.display();
        let first = text.lines().next().unwrap();
        // What only deletes is run over the memory too.
        let deletes = !text.contains("'SET'") && text.contains("'UNLINK'");
        assert!(
            first == "#!lua"
                || first == "#!lua flags=no-writes"
                || (first == "#!lua flags=allow-oom" && deletes),
            "{path}"
        );
        let header: Vec<&str> = text
            .lines()
            .skip(1)
            .take_while(|line| line.starts_with("--"))
            .collect();
        for word in ["-- KEYS", "-- ARGV", "-- RETURNS"] {
            assert!(
                header.iter().any(|line| line.starts_with(word)),
                "{path}: {word}"
            );
        }
        for word in ["'TIME'", "SCAN'", "cjson", "FLOAT"] {
            assert!(!text.contains(word), "{path}: {word}");
        }
        assert!(
            text.lines().all(|line| line.chars().count() <= 100),
            "{path}"
        );
        seen += 1;
    }
    assert_eq!(seen, 6);
}

/// Words of a script in capitals and quotes that are no commands.
const OPTIONS: [&str; 5] = ["byscore", "exat", "xx", "rev", "withscores"];

#[test]
fn every_command_of_a_script_is_in_the_list_of_those_that_a_user_needs() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../lua");
    let mut used = std::collections::BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let code = text.lines().map(|line| line.split("--").next().unwrap());
        let code: Vec<&str> = code.collect();
        let is_name =
            |word: &&str| word.len() > 1 && word.bytes().all(|byte| byte.is_ascii_uppercase());
        let code = code.join(" ");
        let words = code.split('\'').skip(1).step_by(2).filter(is_name);
        used.extend(words.map(str::to_lowercase));
    }
    used.retain(|word| !OPTIONS.contains(&word.as_str()) && word != "wrongtype");
    let listed: std::collections::BTreeSet<String> = crate::commands::IN_SCRIPTS
        .into_iter()
        .chain(["exists", "get", "scard"])
        .map(str::to_owned)
        .collect();
    assert_eq!(used, listed);
}
