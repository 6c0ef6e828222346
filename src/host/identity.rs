//! Acting in the place of another process: in its network namespace, with its user on files and sockets.

use serde::{Deserialize, Serialize};

use super::platform;
use crate::evidence::Obstacle;

/// As whom, and in whose network, something is done. The default is ourselves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Network namespace of this process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_of: Option<u32>,
    /// See files as this process does (its root and mounts).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mounts_of: Option<u32>,
    /// File-system user and group: decides on unix sockets and on the owner that packet filters see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<(u32, u32)>,
}

impl Identity {
    /// True for ourselves.
    pub fn is_own(&self) -> bool {
        *self == Self::default()
    }

    /// The same network, but our own user and mounts.
    pub(super) fn network_only(&self) -> Self {
        Self {
            network_of: self.network_of,
            ..Self::default()
        }
    }

    /// Does something under this identity, in a thread that ends with it: the namespace and the user are
    /// properties of a thread.
    ///
    /// # Errors
    /// When the namespace cannot be entered or the user cannot be taken on.
    pub(super) fn act<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Obstacle> {
        if self.network_of.is_none() && self.user.is_none() {
            return Ok(work());
        }
        let identity = self.clone();
        let thread = std::thread::spawn(move || {
            if let Some(pid) = identity.network_of {
                platform::enter_network(pid)?;
            }
            if let Some((uid, gid)) = identity.user {
                platform::take_on(uid, gid)?;
            }
            Ok(work())
        });
        thread.join().unwrap_or_else(|_| {
            Err(Obstacle::Failed(
                "the thread of the question ended early".to_owned(),
            ))
        })
    }
}
