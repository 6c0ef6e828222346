//! Squid: its logs and error pages.

pub mod access_log;
pub mod cache_log;
pub mod error_page;
