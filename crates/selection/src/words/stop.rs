//! Words that say nothing about a task.

/// The first sixty say nothing in any text; the last row says nothing to an agent.
const STOP: [&str; 75] = [
    "a", "an", "the", "and", "or", "but", "not", "no", "of", "to", "in", "on", "at", "by", "for",
    "from", "with", "without", "into", "as", "is", "are", "was", "were", "be", "been", "has",
    "have", "had", "do", "does", "did", "it", "its", "this", "that", "these", "those", "i", "me",
    "my", "we", "our", "us", "you", "your", "they", "their", "them", "what", "which", "who",
    "when", "how", "why", "all", "some", "any", "so", "if", "can", "could", "should", "would",
    "will", "please", "need", "want", "help", "use", "agent", "there", "work", "s", "t",
];

pub(super) fn is_stop(word: &str) -> bool {
    STOP.contains(&word)
}
