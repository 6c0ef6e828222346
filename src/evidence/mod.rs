//! WHAT WAS SEEN: the facts of one diagnosis, as plain serde types.
//!
//! This room holds no input or output and no judgement: a type here says what an answer *is*, never
//! whether it is good. It imports no other room. Every field that may be missing because nobody could
//! look is an [`Observed`], so that "could not look" stays distinct from "looked, and it is not there".
//!
//! To add evidence: add a field (with `#[serde(default)]`, old bundles must still read) to the type that
//! owns it, fill it in one step, and read it in the causes that need it. Numbers are integers with their
//! unit in the name (`_us`, `_ms`, `_bytes`).

mod apache;
mod config;
mod endpoint;
mod exchange;
mod firewall;
mod host;
mod log;
mod log_account;
mod names;
mod pieces;
mod proxy_headers;
mod route;
mod snapshot;
mod squid;
mod timeline;
mod zone;

pub use apache::*;
pub use config::*;
pub use endpoint::*;
pub use exchange::*;
pub use firewall::*;
pub use host::*;
pub use log::*;
pub use log_account::*;
pub use names::*;
pub use pieces::*;
pub use proxy_headers::*;
pub use route::*;
pub use snapshot::*;
pub use squid::*;
pub use timeline::*;
pub use zone::{Zone, ZoneChange};

use serde::{Deserialize, Serialize};

/// The answer to a question: seen, seen to be absent, or not seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Observed<T> {
    /// Looked, and this is what is there.
    Seen(T),
    /// Looked, and there is nothing.
    Absent,
    /// Could not look. Never to be read as "fine".
    Unavailable(Obstacle),
}

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Obstacle {
    /// The system refused (permission).
    #[error("permission denied")]
    Denied,
    /// No answer before the deadline.
    #[error("no answer in time")]
    TimedOut,
    /// A replayed host was never asked this.
    #[error("not recorded")]
    NotRecorded,
    /// Nobody asked yet.
    #[error("not asked")]
    NotAsked,
    /// The program that answers this is not installed.
    #[error("{0} is not installed")]
    NotInstalled(String),
    /// Anything else, as a lower-case fragment.
    #[error("{0}")]
    Failed(String),
}

impl<T> Default for Observed<T> {
    fn default() -> Self {
        Self::Unavailable(Obstacle::NotAsked)
    }
}

impl<T> Observed<T> {
    /// The value, when it was seen.
    pub fn seen(&self) -> Option<&T> {
        match self {
            Self::Seen(value) => Some(value),
            Self::Absent | Self::Unavailable(_) => None,
        }
    }

    /// The value, when it was seen.
    pub fn into_seen(self) -> Option<T> {
        match self {
            Self::Seen(value) => Some(value),
            Self::Absent | Self::Unavailable(_) => None,
        }
    }

    /// Why there is no answer, when nobody could look.
    pub fn obstacle(&self) -> Option<&Obstacle> {
        match self {
            Self::Unavailable(obstacle) => Some(obstacle),
            Self::Seen(_) | Self::Absent => None,
        }
    }

    /// True when somebody looked and there is nothing.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// True when nobody looked: such an answer is left out of what is written.
    pub fn is_not_asked(&self) -> bool {
        matches!(self, Self::Unavailable(Obstacle::NotAsked))
    }

    /// Applies `change` to a seen value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Observed<U> {
        match self {
            Self::Seen(value) => Observed::Seen(change(value)),
            Self::Absent => Observed::Absent,
            Self::Unavailable(obstacle) => Observed::Unavailable(obstacle),
        }
    }

    /// Borrows the answer.
    pub fn as_ref(&self) -> Observed<&T> {
        match self {
            Self::Seen(value) => Observed::Seen(value),
            Self::Absent => Observed::Absent,
            Self::Unavailable(obstacle) => Observed::Unavailable(obstacle.clone()),
        }
    }
}

impl<T> From<Option<T>> for Observed<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Absent, Self::Seen)
    }
}

/// A place in a configuration file: 1-based line and byte column.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// Absolute path, as the server would open it.
    pub file: String,
    /// 1-based; 0 when unknown.
    pub line: u32,
    /// 1-based byte column; 0 when unknown.
    #[serde(default)]
    pub column: u32,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}
