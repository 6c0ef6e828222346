//! The clock, as a question: a replay sees the recorded time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::{Live, Query};
use crate::evidence::{Observed, Zone, ZoneChange};

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
    /// When that changed, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<ZoneChange>,
}

impl ClockReading {
    /// The zone of this host.
    pub fn zone(&self) -> Zone {
        Zone::new(self.offset_s, &self.changes)
    }
}

impl Query for Clock {
    type Answer = ClockReading;
    const NAME: &'static str = "clock";

    fn perform(&self, _: &Live) -> Observed<ClockReading> {
        Observed::Seen(reading(&jiff::tz::TimeZone::system()))
    }
}

/// The zone of a process, which may be another one than that of this program: its `TZ`, or the zone of its file
/// system. Below another root directory the zone of that one.
#[derive(Clone, Debug, Serialize)]
pub struct ProcessZone {
    /// The process.
    pub pid: u32,
}

impl Query for ProcessZone {
    type Answer = ClockReading;
    const NAME: &'static str = "process_zone";

    fn perform(&self, live: &Live) -> Observed<ClockReading> {
        let of_files = |path: std::path::PathBuf| {
            let bytes = std::fs::read(path).ok()?;
            jiff::tz::TimeZone::tzif("of the process", &bytes).ok()
        };
        let zone = if live.root.is_some() {
            of_files(live.located("/etc/localtime"))
        } else {
            let environment = std::fs::read(format!("/proc/{}/environ", self.pid)).unwrap_or_default();
            let named = environment
                .split(|byte| *byte == 0)
                .find_map(|variable| variable.strip_prefix(b"TZ="))
                .and_then(|name| {
                    jiff::tz::TimeZone::get(String::from_utf8_lossy(name).trim_start_matches(':')).ok()
                });
            named.or_else(|| of_files(format!("/proc/{}/root/etc/localtime", self.pid).into()))
        };
        zone.map_or(Observed::Absent, |zone| Observed::Seen(reading(&zone)))
    }
}

/// The time in a zone, and its last changes within two years.
fn reading(zone: &jiff::tz::TimeZone) -> ClockReading {
    let now = jiff::Timestamp::now();
    let second = jiff::SignedDuration::from_secs(1);
    let changes = zone
        .preceding(now)
        .take_while(|change| now.duration_since(change.timestamp()).as_hours() < 2 * 366 * 24)
        .take(4)
        .filter_map(|change| {
            let before = change.timestamp().checked_sub(second).ok()?;
            Some(ZoneChange {
                at_ms: change.timestamp().as_millisecond(),
                before_s: zone.to_offset(before).seconds(),
            })
        })
        .collect();
    ClockReading {
        now_ms: now_ms(),
        offset_s: zone.to_offset(now).seconds(),
        changes,
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
