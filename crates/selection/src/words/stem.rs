//! English words without the ending of their plural.
//!
//! To take off `ing`, `ed`, `er` and `ion`, too, was tried: in the labelled set it found fewer agents,
//! since it joins words that mean different things (`server` and `serve`). What is needed of
//! it is in the table of synonyms.

/// Shorter words have no ending to lose.
const MIN_LENGTH: usize = 4;

pub(super) fn stem(word: &str) -> String {
    if word.len() < MIN_LENGTH || !word.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return word.to_owned();
    }
    if let Some(stem) = word.strip_suffix("ies")
        && stem.len() > 1
    {
        return format!("{stem}y");
    }
    let ends = |endings: &[&str]| endings.iter().any(|ending| word.ends_with(ending));
    // Of `-aches` the most common in these texts is the plural of cache.
    let lost = if !ends(&["aches"]) && ends(&["sses", "shes", "ches", "xes", "zes"]) {
        2
    } else if ends(&["s"]) && !ends(&["ss", "us", "sis", "dis"]) {
        1
    } else {
        0
    };
    word[..word.len() - lost].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plural_is_its_singular() {
        let plurals = [
            ("tests", "test"),
            ("queries", "query"),
            ("boxes", "box"),
            ("classes", "class"),
            ("branches", "branch"),
            ("caches", "cache"),
            ("apis", "api"),
        ];
        for (plural, singular) in plurals {
            assert_eq!(stem(plural), singular);
        }
    }

    #[test]
    fn words_that_only_look_like_plurals_stay() {
        for word in [
            "class", "status", "analysis", "redis", "css", "aws", "k8s", "été", "test",
        ] {
            assert_eq!(stem(word), word);
        }
    }
}
