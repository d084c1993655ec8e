//! Rules that every script keeps.

#[test]
fn each_script_tells_what_it_takes_and_is_refused_whole_when_memory_is_full() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/lua");
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
    assert_eq!(seen, 5);
}
