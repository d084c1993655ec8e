mod client;
mod fields;
mod hostile;
mod places;
