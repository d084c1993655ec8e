mod client;
mod edit;
pub mod fields;
mod hostile;
mod places;
