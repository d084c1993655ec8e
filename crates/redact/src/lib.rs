//! Takes secrets out of text before it is kept, logged or shown.
//!
//! Every kind of secret has two neighbouring bytes of which the second is seldom in clean
//! text: its trigger. The text is walked once for those; only where one stands are the bytes
//! around it read, with bounded steps back, so that the time is linear in the text and very
//! short where it is clean. Searching for literal starts of the forms with a
//! regular expression took several times as long on the short strings events are made of.

#![warn(clippy::disallowed_methods)]

mod assignment;
mod block;
mod bytes;
mod credential;
mod email;
mod encoded;
mod flag;
mod forms;
mod hash;
mod home;
mod kind;
mod mark;
mod markup;
mod opening;
mod pair;
mod private_key;
mod provider;
mod rounds;
mod rules;
mod secret_name;
mod shell;
mod stack;
#[cfg(test)]
mod tests;
mod token;
mod trigger;
mod value;
mod view;
mod words;

pub use email::keep_emails;
pub use home::without_homes;
pub use rounds::{redact, redact_name};
pub use secret_name::{SecretName, secret_name};
pub use stack::{is_stack, top_frames, top_of_stacks};
