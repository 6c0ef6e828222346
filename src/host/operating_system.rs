//! Which operating system this is: decides which questions make sense, and which commands are printed.

use serde::Serialize;

use super::{Live, Query};
use crate::evidence::Observed;

/// The operating system of the host, by the name that Rust has for it: `linux`, `macos`, `windows`, `freebsd`.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct OperatingSystem {}

impl Query for OperatingSystem {
    type Answer = String;
    const NAME: &'static str = "operating_system";

    fn perform(&self, _: &Live) -> Observed<String> {
        Observed::Seen(std::env::consts::OS.to_owned())
    }
}
