pub mod config;
pub mod domain;
pub mod history;
pub mod journal;
pub mod sqlite;
