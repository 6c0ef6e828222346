//! `HAProxy`: what its log lines say. Its configuration is recognised and not read.

pub mod log;
