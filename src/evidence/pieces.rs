//! What was sent, where the evidence comes from files and pasted text and not from this host.

use serde::{Deserialize, Serialize};

use super::Symptom;

/// The pieces that a diagnosis was made from. What none of them shows was not looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pieces {
    /// What was recognised, in the order in which it was sent.
    pub used: Vec<UsedPiece>,
    /// What was not used, with the reason.
    pub unused: Vec<UnusedPiece>,
    /// Who made the failing answer, as far as logs and headers name it: `nginx`, `caddy`, …
    pub product: Option<String>,
    /// The failures that the logs tell of, the one that is judged first.
    pub failures: Vec<LoggedFailure>,
    /// The part of the logs that was asked for; `None`: all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<LogWindow>,
    /// The zone of the logs that name none; `None`: there are no such logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<LogZone>,
}

/// The zone that times without one were taken to be of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogZone {
    /// Seconds east of UTC, at the newest line.
    pub offset_s: i32,
    /// How it is known.
    #[serde(flatten)]
    pub known_by: ZoneSource,
}

/// How a zone is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "known_by", rename_all = "snake_case")]
pub enum ZoneSource {
    /// So many failed requests stand in an error log and in an access log that names its zone.
    SharedRequests {
        /// Requests.
        count: u64,
    },
    /// An access log that was sent names it, and is taken for one of the same host.
    Printed,
    /// Nothing tells: taken as UTC.
    Assumed,
}

/// The end of the logs that were sent, counted back from their newest line and not from the clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogWindow {
    /// Lines before this time were left out, milliseconds since 1970; `None`: no line has a time, nothing was left out.
    pub from_ms: Option<i64>,
    /// The newest time on any line.
    pub newest_ms: Option<i64>,
}

/// One piece that was recognised.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UsedPiece {
    /// The file, with the line where the piece begins when the file holds several.
    pub name: String,
    /// What it is, in words: `nginx error log`.
    pub kind: String,
    /// How many lines it has.
    pub lines: u64,
}

/// One piece that was not used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UnusedPiece {
    /// The file, with the line where the piece begins when the file holds several.
    pub name: String,
    /// Why not, as a lower-case fragment.
    pub why: String,
}

/// Requests that failed in the same way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedFailure {
    /// In which way.
    pub symptom: Symptom,
    /// Which upstream the lines name.
    #[serde(default)]
    pub upstream: Option<String>,
    /// How many lines.
    pub count: u64,
    /// The first, milliseconds since 1970, when the lines have a time.
    #[serde(default)]
    pub first_ms: Option<i64>,
    /// The last, milliseconds since 1970.
    #[serde(default)]
    pub last_ms: Option<i64>,
}
