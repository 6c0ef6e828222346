//! The clock, as a question: a replay sees the recorded time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::{Live, Query};
use crate::evidence::Observed;

/// What time is it?
#[derive(Clone, Debug, Serialize)]
pub struct Clock {
    /// Distinguishes readings within one run.
    pub moment: u32,
}

/// A reading of the clock.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockReading {
    /// Milliseconds since 1970.
    pub now_ms: i64,
    /// Offset of local time from UTC, seconds: logs are written in local time.
    pub offset_s: i32,
}

impl Query for Clock {
    type Answer = ClockReading;
    const NAME: &'static str = "clock";

    fn perform(&self, _: &Live) -> Observed<ClockReading> {
        Observed::Seen(ClockReading {
            now_ms: now_ms(),
            offset_s: jiff::Zoned::now().offset().seconds(),
        })
    }
}

/// Milliseconds since 1970.
pub(super) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Waits.
pub fn pause(duration: Duration) {
    std::thread::sleep(duration);
}
