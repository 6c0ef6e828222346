//! The time at the beginning of an application's log line, in the forms that application servers write.
//!
//! A line without one has no time: it must not take that of its neighbour, which may be days older. To add a
//! form: one function from the line's words to the parts, tried in [`line_ms`].

use crate::evidence::Zone;

/// Reads the time of a line, in milliseconds since 1970. `zone` is that of the forms that name none. `None`: the line
/// begins with no time in a known form.
pub fn line_ms(line: &str, zone: impl Into<Zone>) -> Option<i64> {
    let zone = zone.into();
    // `[pid: 11|app: 0|req: 5/5]  () {12 vars in 135 bytes} [Mon Nov 23 12:41:58 2026] GET …`, as uwsgi logs requests.
    let line = match line.strip_prefix("[pid: ").and_then(|rest| rest.split_once("} [")) {
        Some((_, rest)) => rest,
        None => line,
    };
    let line = line.trim_start().trim_start_matches('[');
    let head: String = line
        .chars()
        .take(40)
        .take_while(|character| *character != ']')
        .collect();
    numeric(&head, zone)
        .or_else(|| fpm(&head, zone))
        .or_else(|| ctime(&head, zone))
}

/// `2026-11-22 18:11:00 +0000`, `2026-11-22T18:11:00.123Z`, `2026/11/22 18:11:00`.
fn numeric(head: &str, zone: Zone) -> Option<i64> {
    let (date, rest) = head.split_at_checked(10)?;
    let separator = if date.contains('/') { '/' } else { '-' };
    let mut parts = date.split(separator);
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let rest = rest.strip_prefix(['T', ' '])?;
    let (time, named) = rest.split_at_checked(8)?;
    let named =
        named.trim_start_matches(|character: char| ".,".contains(character) || character.is_ascii_digit());
    let named = named.split_whitespace().next().unwrap_or_default();
    let zone = zone_s(named).map_or(zone, Zone::from);
    civil_ms(
        year.parse().ok()?,
        month.parse().ok()?,
        day.parse().ok()?,
        time,
        zone,
    )
}

/// `22-Nov-2026 18:10:55`, as php-fpm writes it.
fn fpm(head: &str, zone: Zone) -> Option<i64> {
    let (date, rest) = head.split_once(' ')?;
    let mut parts = date.split('-');
    let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    let time = rest.get(..8)?;
    civil_ms(
        year.parse().ok()?,
        month_of(month)?,
        day.parse().ok()?,
        time,
        zone,
    )
}

/// `Sun Nov 22 18:11:05 2026`, as the C library writes it.
fn ctime(head: &str, zone: Zone) -> Option<i64> {
    let mut words = head.split_whitespace().skip(1);
    let (month, day) = (words.next()?, words.next()?);
    let (time, year) = (words.next()?, words.next()?);
    civil_ms(
        year.parse().ok()?,
        month_of(month)?,
        day.parse().ok()?,
        time,
        zone,
    )
}

fn month_of(name: &str) -> Option<i8> {
    const NAMES: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let position = NAMES.iter().position(|known| *known == name)?;
    i8::try_from(position.checked_add(1)?).ok()
}

/// `Z`, `+0100`, `+01:00`.
fn zone_s(zone: &str) -> Option<i32> {
    if zone.starts_with('Z') {
        return Some(0);
    }
    let sign = match zone.chars().next()? {
        '+' => 1,
        '-' => -1,
        _ => return None,
    };
    let digits: String = zone.chars().filter(char::is_ascii_digit).collect();
    let (hours, minutes) = digits.split_at_checked(2)?;
    let hours: i32 = hours.parse().ok()?;
    let minutes: i32 = minutes.get(..2)?.parse().ok()?;
    Some(sign * (hours * 3_600 + minutes * 60))
}

fn civil_ms(year: i16, month: i8, day: i8, time: &str, zone: Zone) -> Option<i64> {
    let mut parts = time.split(':').map(str::parse::<i8>);
    let (hour, minute, second) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    let civil = jiff::civil::DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
    let local = jiff::tz::Offset::UTC.to_timestamp(civil).ok()?;
    Some(zone.moment_ms(local.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPECTED: Option<i64> = Some(1_795_371_055_000);

    #[test]
    fn the_forms_of_application_servers_are_read() {
        for line in [
            "[22-Nov-2026 18:10:55] WARNING: [pool www] child 96 exited on signal 15",
            "[2026-11-22 18:10:55 +0000] [10] [CRITICAL] WORKER TIMEOUT (pid:11)",
            "2026-11-22T18:10:55.120Z uncaughtException",
            "2026-11-22 18:10:55,120 ERROR Traceback",
            "2026/11/22 18:10:55 http: panic serving",
            "Sun Nov 22 18:10:55 2026 - DAMN ! worker 1 died",
            "2026-11-22T19:10:55+01:00 gone",
            "[pid: 11|app: -1|req: -1/5] 10.0.0.9 () {12 vars in 135 bytes} [Sun Nov 22 18:10:55 2026] GET / => generated 21 bytes",
        ] {
            assert_eq!(line_ms(line, 0), EXPECTED, "{line}");
        }
    }

    #[test]
    fn local_time_is_moved_to_utc() {
        assert_eq!(line_ms("[22-Nov-2026 19:10:55] NOTICE: x", 3_600), EXPECTED);
        assert_eq!(line_ms("[2026-11-22 18:10:55 +0000] [10] x", 3_600), EXPECTED);
    }

    #[test]
    fn what_is_no_time_gives_none() {
        for line in [
            "",
            "[",
            "invalid request block size: 21573 (max 4096)...skip",
            "ééééééééééé",
            "2026-99-99 18:10:55",
            "+++",
            "[pid: 11|app: -1|req: -1/5]  () {12 vars in 135 bytes}",
        ] {
            assert_eq!(line_ms(line, 0), None, "{line}");
        }
        assert_eq!(zone_s("+9999999999"), Some(99 * 3_600 + 99 * 60));
    }
}
