//! The words of an error.

/// What is wrong, without its position in the text.
pub fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let reason = text.split(" at line ").next();
    reason.unwrap_or_default().to_owned()
}
