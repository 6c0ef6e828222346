//! nginx: configuration reader, routes, lint, logs.

pub mod access_log;
pub mod error_log;
