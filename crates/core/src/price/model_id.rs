//! A model's id, as different providers write it.

/// A model's id without what providers put around it: regions, vendors and folders before
/// it, a version of the deployment, a date, `latest` and a context window after it.
pub fn normalised(model: &str) -> String {
    let lower = model.trim().to_ascii_lowercase();
    let mut id = lower.rsplit('/').next().unwrap_or_default();
    id = id.split(['[', '@', ':']).next().unwrap_or_default();
    id = id.rsplit("anthropic.").next().unwrap_or_default();
    id = id.split_once("claude-").map_or(id, |(_, after)| after);
    while let Some((head, tail)) = id.rsplit_once('-') {
        let is_date = tail.len() == "20251001".len() && is_digits(tail);
        let is_version = tail.strip_prefix('v').is_some_and(is_digits);
        if !is_date && !is_version && tail != "latest" {
            break;
        }
        id = head;
    }
    let id = id.replace('.', "-");
    if id.starts_with(|first: char| first.is_ascii_digit()) {
        family_first(&id)
    } else {
        id
    }
}

/// Ids of version 3 name the version first: `3-5-haiku` is `haiku-3-5`.
fn family_first(id: &str) -> String {
    let parts: Vec<&str> = id.split('-').collect();
    let numbers = parts.iter().take_while(|part| is_digits(part)).count();
    [&parts[numbers..], &parts[..numbers]].concat().join("-")
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_one_model_are_one() {
        for id in [
            "claude-haiku-4-5-20251001",
            "claude-haiku-4-5",
            "haiku-4-5",
            "Claude-Haiku-4.5",
            "anthropic/claude-haiku-4.5",
            "anthropic/claude-haiku-4.5:beta",
            "us.anthropic.claude-haiku-4-5-20251001-v1:0",
            "anthropic.claude-haiku-4-5-20251001-v1:0",
            "bedrock/eu.anthropic.claude-haiku-4-5-20251001-v1:0",
            "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-haiku-4-5-v1:0",
            "vertex_ai/claude-haiku-4-5@20251001",
            "claude-haiku-4-5-latest",
            " claude-haiku-4-5[1m] ",
        ] {
            assert_eq!(normalised(id), "haiku-4-5", "{id}");
        }
        for id in [
            "claude-3-5-haiku-20241022",
            "claude-3-5-haiku@20241022",
            "claude-3.5-haiku",
        ] {
            assert_eq!(normalised(id), "haiku-3-5", "{id}");
        }
    }
}
