//! The zone in which a host writes times that name none.

use serde::{Deserialize, Serialize};

/// Changes of one zone that are kept; two of them are a year.
const CHANGES: usize = 4;
/// Lines of several workers need not be in order to the second.
const SLACK_MS: i64 = 60_000;

/// A zone: the offset now, and what it was before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Zone {
    /// Seconds east of UTC since the newest change.
    pub offset_s: i32,
    /// The newest changes, newest first.
    changes: [Option<ZoneChange>; CHANGES],
}

/// A moment at which clocks were set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneChange {
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// Seconds east of UTC before it.
    pub before_s: i32,
}

impl From<i32> for Zone {
    fn from(offset_s: i32) -> Self {
        Self {
            offset_s,
            changes: [None; CHANGES],
        }
    }
}

impl Zone {
    /// A zone with its newest changes, newest first.
    pub fn new(offset_s: i32, newest: &[ZoneChange]) -> Self {
        let mut changes = [None; CHANGES];
        for (place, change) in changes.iter_mut().zip(newest) {
            *place = Some(*change);
        }
        Self { offset_s, changes }
    }

    /// Its changes, newest first.
    pub fn changes(&self) -> impl Iterator<Item = ZoneChange> {
        self.changes.into_iter().flatten()
    }

    /// The offset at a moment, in seconds east of UTC.
    pub fn offset_at(&self, at_ms: i64) -> i32 {
        let later = self
            .changes
            .iter()
            .flatten()
            .take_while(|change| at_ms < change.at_ms);
        later.last().map_or(self.offset_s, |change| change.before_s)
    }

    /// A local time, given as the milliseconds that it would have in UTC, as a moment. Of an hour that came twice the
    /// second one: see [`Self::settled`].
    pub fn moment_ms(&self, local_ms: i64) -> i64 {
        let mut offset_s = self.offset_s;
        for change in self.changes.iter().flatten() {
            let at_ms = local_ms.saturating_sub(i64::from(offset_s) * 1_000);
            let before_ms = local_ms.saturating_sub(i64::from(change.before_s) * 1_000);
            // An hour that never was is taken by the newer offset.
            if at_ms >= change.at_ms || before_ms >= change.at_ms {
                return at_ms;
            }
            offset_s = change.before_s;
        }
        local_ms.saturating_sub(i64::from(offset_s) * 1_000)
    }

    /// Of an hour that came twice the one that follows from the line before: the first, unless that would be a step back.
    pub fn settled(&self, at_ms: i64, before_ms: Option<i64>) -> i64 {
        let mut offset_s = self.offset_s;
        for change in self.changes.iter().flatten() {
            let twice_ms = i64::from(change.before_s.saturating_sub(offset_s)) * 1_000;
            if twice_ms > 0 && at_ms >= change.at_ms && at_ms < change.at_ms.saturating_add(twice_ms) {
                let first_ms = at_ms.saturating_sub(twice_ms);
                return match before_ms {
                    Some(before_ms) if first_ms < before_ms.saturating_sub(SLACK_MS) => at_ms,
                    _ => first_ms,
                };
            }
            offset_s = change.before_s;
        }
        at_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;
    /// 2026-10-25 01:00 UTC: the end of summer time in Berlin.
    const AUTUMN: i64 = 1_792_890_000_000;
    /// 2026-03-29 01:00 UTC: its beginning.
    const SPRING: i64 = 1_774_746_000_000;

    fn berlin() -> Zone {
        let change = |at_ms, before_s| ZoneChange { at_ms, before_s };
        Zone::new(3_600, &[change(AUTUMN, 7_200), change(SPRING, 3_600)])
    }

    #[test]
    fn local_times_before_and_after_a_change_are_moved_by_their_own_offset() {
        let zone = berlin();
        for at_ms in [
            SPRING - 30 * 24 * HOUR,
            SPRING - 1,
            SPRING,
            SPRING + HOUR,
            AUTUMN - 2 * HOUR,
            AUTUMN + HOUR,
            AUTUMN + 30 * 24 * HOUR,
        ] {
            let local_ms = at_ms + i64::from(zone.offset_at(at_ms)) * 1_000;
            assert_eq!(zone.moment_ms(local_ms), at_ms);
        }
    }

    #[test]
    fn an_hour_that_comes_twice_is_told_by_the_line_before() {
        let zone = berlin();
        let half = AUTUMN + HOUR / 2;
        assert_eq!(zone.settled(half, Some(AUTUMN - HOUR)), AUTUMN - HOUR / 2);
        assert_eq!(zone.settled(half, Some(AUTUMN + HOUR / 4)), half);
        assert_eq!(zone.settled(half, None), AUTUMN - HOUR / 2);
        assert_eq!(zone.settled(AUTUMN + 2 * HOUR, None), AUTUMN + 2 * HOUR);
        assert_eq!(zone.settled(SPRING + HOUR / 2, None), SPRING + HOUR / 2);
    }
}
