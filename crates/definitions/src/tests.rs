mod client;
pub mod fields;
mod hostile;
mod places;
