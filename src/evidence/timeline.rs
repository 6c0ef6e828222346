//! Who waits how long for whom, from the client to the application.

use serde::{Deserialize, Serialize};

use super::Place;

/// The limits of one way, in the order in which a request meets them, and what was measured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Timeline {
    /// Limits of waiting, from the client inwards.
    pub limits: Vec<WaitLimit>,
    /// How long idle connections are kept, from the proxy inwards.
    pub idle: Vec<WaitLimit>,
    /// What was measured.
    pub measured: Vec<Measured>,
    /// The name of the limit that ends a slow answer first.
    pub fires_first: Option<String>,
}

/// One limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WaitLimit {
    /// Who waits: `client`, `proxy`, `upstream`, `application`.
    pub who: String,
    /// What it is called there: a directive, an option.
    pub name: String,
    /// Milliseconds; `None`: without limit.
    pub limit_ms: Option<u64>,
    /// Where it is set; `None`: by default or on a command line.
    pub place: Option<Place>,
    /// Whence it is known, in words: `default`, `command line`, `default of puma before 7.0`.
    pub source: String,
    /// It limits the time until an answer begins.
    pub ends_answers: bool,
}

/// Times that were measured, in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Measured {
    /// What was measured, in words.
    pub what: String,
    /// How many measurements.
    pub count: usize,
    /// Half of them took no longer.
    pub p50_ms: u64,
    /// 95 of 100 took no longer.
    pub p95_ms: u64,
    /// The longest.
    pub longest_ms: u64,
}
