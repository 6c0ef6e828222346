//! Times of log lines.

/// A local time whose zone is `offset_s` east of UTC, in milliseconds since 1970.
pub(super) fn civil_ms(year: i16, month: i8, day: i8, time: (i8, i8, i8), offset_s: i32) -> Option<i64> {
    let civil = jiff::civil::DateTime::new(year, month, day, time.0, time.1, time.2, 0).ok()?;
    let zone = jiff::tz::Offset::from_seconds(offset_s).ok()?;
    zone.to_timestamp(civil).ok().map(jiff::Timestamp::as_millisecond)
}

/// The number of a month by its English name of three letters.
pub(super) fn month(name: &str) -> Option<i8> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let position = MONTHS.iter().position(|month| *month == name)?;
    i8::try_from(position).ok()?.checked_add(1)
}
