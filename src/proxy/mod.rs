//! BYTES → EVIDENCE for proxy servers: configurations, routes, lint, logs, version banners. Pure: names no
//! host, opens nothing; whatever it needs to read it gets handed as bytes (or through a reader function it is
//! given).
//!
//! One directory for each proxy type. To add one: `proxy/<type>/`, one line here, a variant of
//! [`Configuration`] and of [`crate::evidence::ProxyKind`]; no cause, step or report changes.

pub mod apache;
pub mod caddy;
mod configuration;
mod detect;
pub mod envoy;
mod files;
mod go_error;
pub mod haproxy;
pub mod lint;
pub mod logs;
pub mod nginx;
pub mod request;
pub mod squid;
mod time;
pub mod traefik;

pub use configuration::{Around, Configuration, Extent, RouteRequest, read};
pub use detect::detect;
pub(crate) use files::is_absolute;
pub use files::{FileBytes, Files};
use time::{civil_ms, month};
