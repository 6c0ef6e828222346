//! Times of log lines, from bytes, in every form that servers write.
//!
//! To add a form: one function from the bytes of a line to milliseconds, tried in [`line_ms`].

use crate::evidence::Zone;

/// Milliseconds since 1970 of a civil time in a zone. `None` for a time that no calendar
/// has, and for one before 1970.
pub(super) fn civil_ms(
    (year, month, day): (u32, u32, u32),
    (hour, minute, second): (u32, u32, u32),
    zone: impl Into<Zone>,
) -> Option<i64> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let length = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1970..=9999).contains(&year) || day == 0 || day > length || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    // Years are counted from March, so that the day that comes and goes is the last one.
    let (from_march, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days =
        365 * from_march + from_march / 4 - from_march / 100 + from_march / 400 + (153 * month + 2) / 5 + day
            - 1;
    let days = i64::from(days) - 719_468;
    let seconds = days * 86_400 + i64::from(hour) * 3_600 + i64::from(minute) * 60 + i64::from(second);
    Some(zone.into().moment_ms(seconds * 1_000))
}

/// The digits of `bytes` as a number; `None` when there is anything else.
pub(super) fn number(bytes: &[u8]) -> Option<u32> {
    if bytes.is_empty() || bytes.len() > 9 {
        return None;
    }
    bytes.iter().try_fold(0_u32, |value, byte| {
        byte.is_ascii_digit().then(|| value * 10 + u32::from(byte - b'0'))
    })
}

/// The number of a month by its English name of three letters.
fn month(name: &[u8]) -> Option<u32> {
    const MONTHS: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    let position = MONTHS.chunks(3).position(|month| month == name)?;
    u32::try_from(position).ok()?.checked_add(1)
}

/// `13:50:56`.
fn clock(bytes: &[u8]) -> Option<(u32, u32, u32)> {
    if bytes.get(2) != Some(&b':') || bytes.get(5) != Some(&b':') {
        return None;
    }
    Some((
        number(bytes.get(..2)?)?,
        number(bytes.get(3..5)?)?,
        number(bytes.get(6..8)?)?,
    ))
}

/// `Z`, `+0100`, `+01:00` to seconds east of UTC.
fn printed(bytes: &[u8]) -> Option<i32> {
    let sign = match bytes.first()? {
        b'Z' => return Some(0),
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let minutes = if bytes.get(3) == Some(&b':') { 4 } else { 3 };
    let hours = number(bytes.get(1..3)?)?;
    let minutes = number(bytes.get(minutes..minutes + 2)?)?;
    i32::try_from(hours * 3_600 + minutes * 60)
        .ok()
        .map(|seconds| sign * seconds)
}

/// `.771`, `,120` after the seconds, in milliseconds, and what follows.
fn fraction(bytes: &[u8]) -> (i64, &[u8]) {
    let Some((b'.' | b',', digits)) = bytes.split_first() else {
        return (0, bytes);
    };
    let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = digits.split_at(count);
    let mut value = 0;
    for place in 0..3 {
        value = value * 10 + digits.get(place).map_or(0, |byte| i64::from(byte - b'0'));
    }
    (value, rest)
}

/// `2026/11/22 13:50:56` (nginx, Squid's cache.log), `2026-11-22T13:50:56.123Z`, `2026-11-22 13:50:56,120 +0000`.
pub(super) fn numeric(line: &[u8], zone: impl Into<Zone>) -> Option<i64> {
    let separator = line.get(4)?;
    if !matches!(separator, b'/' | b'-')
        || line.get(7) != Some(separator)
        || !matches!(line.get(10)?, b' ' | b'T')
    {
        return None;
    }
    let date = (
        number(line.get(..4)?)?,
        number(line.get(5..7)?)?,
        number(line.get(8..10)?)?,
    );
    let time = clock(line.get(11..19)?)?;
    let (milliseconds, rest) = fraction(line.get(19..)?);
    let rest = rest.strip_prefix(b" ").unwrap_or(rest);
    // A dash may as well separate the message.
    let zone = printed(rest).map_or_else(|| zone.into(), Zone::from);
    civil_ms(date, time, zone)?.checked_add(milliseconds)
}

/// `22/Nov/2026:13:50:56 +0100`, as access logs have it.
pub(super) fn access(bytes: &[u8]) -> Option<i64> {
    if bytes.get(2) != Some(&b'/') || bytes.get(6) != Some(&b'/') || bytes.get(11) != Some(&b':') {
        return None;
    }
    let date = (
        number(bytes.get(7..11)?)?,
        month(bytes.get(3..6)?)?,
        number(bytes.get(..2)?)?,
    );
    let time = clock(bytes.get(12..20)?)?;
    civil_ms(date, time, printed(bytes.get(21..26)?)?)
}

/// The time of an access line and the zone that it names, in seconds east of UTC.
pub fn printed_zone(line: &[u8]) -> Option<(i64, i32)> {
    let head = line.get(..line.len().min(1_024))?;
    memchr::memchr_iter(b'[', head).take(8).find_map(|position| {
        let stamp = head.get(position + 1..)?;
        Some((access(stamp)?, printed(stamp.get(21..26)?)?))
    })
}

/// `22-Nov-2026 18:10:55`, as php-fpm writes it.
fn fpm(line: &[u8], zone: impl Into<Zone>) -> Option<i64> {
    if line.get(2) != Some(&b'-') || line.get(6) != Some(&b'-') {
        return None;
    }
    let date = (
        number(line.get(7..11)?)?,
        month(line.get(3..6)?)?,
        number(line.get(..2)?)?,
    );
    civil_ms(date, clock(line.get(12..20)?)?, zone)
}

/// `Sun Nov 22 14:00:25.771177 2026` (Apache), `Sun Nov 22 18:11:05 2026` (the C library).
pub(super) fn ctime(line: &[u8], zone: impl Into<Zone>) -> Option<i64> {
    if line.get(3) != Some(&b' ') || line.get(7) != Some(&b' ') {
        return None;
    }
    let month = month(line.get(4..7)?)?;
    let day = number(line.get(8..10)?.trim_ascii_start())?;
    let time = clock(line.get(11..19)?)?;
    let (milliseconds, rest) = fraction(line.get(19..)?);
    let year = number(rest.strip_prefix(b" ")?.get(..4)?)?;
    civil_ms((year, month, day), time, zone)?.checked_add(milliseconds)
}

/// `1795377444.602`, as Squid's access log begins.
pub(super) fn epoch(line: &[u8]) -> Option<i64> {
    let line = line.trim_ascii_start();
    let digits = line.iter().take_while(|byte| byte.is_ascii_digit()).count();
    // Ten digits: from 2001 to 2286.
    if digits != 10 || line.get(digits) != Some(&b'.') {
        return None;
    }
    let seconds = line
        .get(..digits)?
        .iter()
        .fold(0_i64, |value, byte| value * 10 + i64::from(byte - b'0'));
    let (milliseconds, _) = fraction(line.get(digits..)?);
    Some(seconds * 1_000 + milliseconds)
}

/// `Nov 23 02:31:37 `, as syslog writes it: without a year, which is that of `now_ms` unless that would be more than a
/// day later than it.
pub(super) fn syslog_ms(line: &[u8], now_ms: i64, zone: impl Into<Zone>) -> Option<i64> {
    const DAY_MS: i64 = 86_400_000;
    if line.get(3) != Some(&b' ') || line.get(6) != Some(&b' ') || line.get(15) != Some(&b' ') {
        return None;
    }
    let month = month(line.get(..3)?)?;
    let day = number(line.get(4..6)?.trim_ascii_start())?;
    let time = clock(line.get(7..15)?)?;
    let zone = zone.into();
    let local_ms = now_ms.checked_add(i64::from(zone.offset_at(now_ms)) * 1_000)?;
    let year = jiff::Timestamp::from_millisecond(local_ms).ok()?;
    let year = u32::try_from(jiff::tz::Offset::UTC.to_datetime(year).year()).ok()?;
    // Of a leap day also the years between two.
    (0..4)
        .filter_map(|back| civil_ms((year.checked_sub(back)?, month, day), time, zone))
        .find(|at_ms| *at_ms <= now_ms.saturating_add(DAY_MS))
}

/// The time of a line of any log, in milliseconds since 1970. `zone` is that of the forms that name none. `None`: the line has no time in a known form.
pub fn line_ms(line: &[u8], zone: impl Into<Zone>) -> Option<i64> {
    let zone = zone.into();
    let head = line.get(..line.len().min(1_024))?.trim_ascii_start();
    let head = head.strip_prefix(b"[").unwrap_or(head);
    numeric(head, zone)
        .or_else(|| ctime(head, zone))
        .or_else(|| fpm(head, zone))
        .or_else(|| epoch(head))
        .or_else(|| {
            memchr::memchr_iter(b'[', head)
                .take(8)
                .find_map(|position| access(head.get(position + 1..)?))
        })
        .or_else(|| {
            // `- *** uWSGI ... [Sun Nov 22 18:11:05 2026] ***`, and formats of one's own with the time further in.
            memchr::memchr_iter(b' ', head).take(12).find_map(|position| {
                let rest = head.get(position + 1..)?;
                let rest = rest.strip_prefix(b"[").unwrap_or(rest);
                numeric(rest, zone).or_else(|| ctime(rest, zone))
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPECTED: Option<i64> = Some(1_795_371_055_000);

    #[test]
    fn the_forms_of_all_servers_are_read() {
        for line in [
            "2026/11/22 18:10:55 [error] 1#1: x",
            "2026/11/22 18:10:55| WARNING: x",
            "[Sun Nov 22 18:10:55.000177 2026] [proxy:error] x",
            "[22-Nov-2026 18:10:55] WARNING: [pool www] child 96 exited on signal 15",
            "[2026-11-22 18:10:55 +0000] [10] [CRITICAL] WORKER TIMEOUT (pid:11)",
            "2026-11-22T18:10:55.000Z uncaughtException",
            "2026-11-22 18:10:55,000 ERROR Traceback",
            "Sun Nov 22 18:10:55 2026 - DAMN ! worker 1 died",
            "2026-11-22T19:10:55+01:00 gone",
            "1795371055.000     16 127.0.0.1 TCP_MISS/502 244 GET http://up.test/ - X/1 text/plain",
            "127.0.0.1 - - [22/Nov/2026:19:10:55 +0100] \"GET / HTTP/1.1\" 502 157",
            "127.0.0.1 - [a] [22/Nov/2026:17:40:55 -0030] \"GET / HTTP/1.1\" 502 157",
            "*** Starting uWSGI 2.0.21 (64bit) on [Sun Nov 22 18:10:55 2026] ***",
        ] {
            assert_eq!(line_ms(line.as_bytes(), 0), EXPECTED, "{line}");
        }
        assert_eq!(line_ms(b"2026/11/22 19:10:55 [error] 1#1: x", 3_600), EXPECTED);
        assert_eq!(line_ms(b"2026/11/22 13:10:55 [error] 1#1: x", -18_000), EXPECTED);
    }

    #[test]
    fn civil_times_are_those_of_the_calendar() {
        for year in [1970_u32, 1999, 2000, 2024, 2026, 2100, 2400, 9998] {
            for (month, day) in [
                (1, 1),
                (2, 28),
                (2, 29),
                (3, 1),
                (12, 31),
                (4, 31),
                (13, 1),
                (0, 1),
            ] {
                let ours = civil_ms((year, month, day), (23, 59, 58), 3_600);
                let theirs = jiff::civil::DateTime::new(
                    i16::try_from(year).unwrap_or_default(),
                    i8::try_from(month).unwrap_or_default(),
                    i8::try_from(day).unwrap_or_default(),
                    23,
                    59,
                    58,
                    0,
                )
                .ok()
                .and_then(|civil| jiff::tz::Offset::constant(1).to_timestamp(civil).ok())
                .map(jiff::Timestamp::as_millisecond);
                assert_eq!(ours, theirs, "{year}-{month}-{day}");
            }
        }
    }

    #[test]
    fn what_is_no_time_gives_none() {
        for line in [
            "",
            "[",
            "é",
            "2026/13/22 14:00:33 x",
            "2026/11/22",
            "1969/12/31 23:59:59 x",
            "2026/11/22 25:00:00 x",
            "99999999999999999999.1 x",
            "[22/Nov/2026:",
            "at com.example.Main(Main.java:17)",
        ] {
            assert_eq!(line_ms(line.as_bytes(), 0), None, "{line}");
        }
    }
}
