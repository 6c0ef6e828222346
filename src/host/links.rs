//! Where symbolic links point, those of /proc among them.

use serde::Serialize;

use super::{Live, Query, obstacle};
use crate::evidence::Observed;

/// The target of a symbolic link.
#[derive(Clone, Debug, Serialize)]
pub struct ReadLink {
    /// Absolute path.
    pub path: String,
}

impl Query for ReadLink {
    type Answer = String;
    const NAME: &'static str = "read_link";

    fn perform(&self, live: &Live) -> Observed<String> {
        match std::fs::read_link(live.located(&self.path)) {
            Ok(target) => Observed::Seen(target.to_string_lossy().into_owned()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Observed::Absent,
            Err(error) => Observed::Unavailable(obstacle(&error)),
        }
    }
}
