//! THE EIGHT STEPS, in the guide's order: what each asks the host, and what each shows.
//!
//! A step fills its part of the snapshot and, when everything is judged, says one line about itself. It
//! judges nothing: that is the business of [`crate::causes`]. Questions that do not depend on each other
//! are asked at the same time, so a walk takes as long as its slowest question.
//!
//! To add a question: ask it in the step it belongs to, keep the answer in a field of the snapshot.

mod alternate_proxy;
mod applications;
mod carried;
mod cloud;
mod config_history;
mod config_lint;
mod dns_flush;
mod firewall;
mod inside;
pub mod lint;
mod log_account;
mod logs;
mod machine;
mod name_authority;
mod other_route;
mod packages;
mod packed;
mod plan;
mod pool;
mod proxies;
mod retry;
mod summary;
mod support_bundle;
mod systems;
mod timeline;
mod timeouts;
mod turn;
mod units;
mod upstream_probe;
mod walk;
mod ways;

pub use log_account::digest;
pub use packed::packed_transcript;
pub use plan::{Plan, ProxySecret, RecordedPlan, recorded};
pub use summary::summarise;
pub use walk::{Collection, collect, inspect, sites};
