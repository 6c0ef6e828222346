//! Apache httpd: its logs.

pub mod access_log;
pub mod error_log;
