//! Times of log lines.

use crate::evidence::Zone;

/// A local time whose zone this is, in milliseconds since 1970.
pub(super) fn civil_ms(
    year: i16,
    month: i8,
    day: i8,
    time: (i8, i8, i8),
    zone: impl Into<Zone>,
) -> Option<i64> {
    let civil = jiff::civil::DateTime::new(year, month, day, time.0, time.1, time.2, 0).ok()?;
    let local = jiff::tz::Offset::UTC.to_timestamp(civil).ok()?;
    Some(zone.into().moment_ms(local.as_millisecond()))
}

/// The number of a month by its English name of three letters.
pub(super) fn month(name: &str) -> Option<i8> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let position = MONTHS.iter().position(|month| *month == name)?;
    i8::try_from(position).ok()?.checked_add(1)
}
