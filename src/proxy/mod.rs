//! BYTES → EVIDENCE for proxy servers: configurations, logs, version banners. Pure: names no host, opens
//! nothing; whatever it needs to read it gets handed as bytes (or through a reader function it is given).
//!
//! One directory for each proxy type. To add one: `proxy/<type>/`, one line here, one variant of
//! [`crate::evidence::ProxyKind`]; no cause, step or report changes.

pub mod nginx;
pub mod request;
