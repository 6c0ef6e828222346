//! Lines of `journalctl` and of syslog files: `Nov 22 14:28:28 web-1 nginx[77]: message`.
//!
//! The short form has no year; with no year given a line has no time, for it must not get a wrong one.

use crate::evidence::Zone;

/// One line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SyslogLine {
    /// Milliseconds since 1970, when the line or the caller knows the year.
    pub at_ms: Option<i64>,
    /// Who wrote it, without its process id.
    pub from: String,
    /// Its process id.
    pub pid: Option<u32>,
    /// The message.
    pub message: String,
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Reads one line; `None` when it does not begin like one. `year` is that of the other evidence, `zone` that of
/// the short form.
pub fn line(text: &str, year: Option<i16>, zone: impl Into<Zone>) -> Option<SyslogLine> {
    // A priority in front: `<134>Nov 22 …`.
    let text = match text.strip_prefix('<').and_then(|rest| rest.split_once('>')) {
        Some((digits, rest)) if digits.len() <= 3 && digits.chars().all(|c| c.is_ascii_digit()) => rest,
        _ => text,
    };
    let (at_ms, rest) = short(text, year, zone.into()).or_else(|| iso(text))?;
    // `HAProxy` may send no host name, so the tag may come at once.
    let (first, after) = rest.split_once(' ')?;
    let (tag, message) = if let Some(tag) = first.strip_suffix(':') {
        (tag, after)
    } else {
        let (second, message) = after.split_once(' ')?;
        (second.strip_suffix(':')?, message)
    };
    let (from, pid) = match tag.split_once('[') {
        Some((from, pid)) => (from, pid.trim_end_matches(']').parse().ok()),
        None => (tag, None),
    };
    let fine = |c: char| c.is_ascii_alphanumeric() || "-_./@()".contains(c);
    (!from.is_empty() && from.len() < 64 && from.chars().all(fine)).then(|| SyslogLine {
        at_ms,
        from: from.to_owned(),
        pid,
        message: message.to_owned(),
    })
}

/// `Nov 22 14:28:28 rest`.
fn short(text: &str, year: Option<i16>, zone: Zone) -> Option<(Option<i64>, &str)> {
    let (month, rest) = text.split_at_checked(3)?;
    let month = MONTHS.iter().position(|name| *name == month)?;
    let rest = rest.strip_prefix(' ')?.trim_start();
    let (day, rest) = rest.split_once(' ')?;
    let day: i8 = day.parse().ok()?;
    let (time, rest) = rest.split_once(' ')?;
    let mut parts = time.split([':', '.']).map(str::parse::<i8>);
    let (hour, minute, second) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    let at_ms = year.and_then(|year| {
        let date = jiff::civil::Date::new(year, i8::try_from(month + 1).ok()?, day).ok()?;
        let time = jiff::civil::Time::new(hour, minute, second, 0).ok()?;
        let zoned = date.to_datetime(time).to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(zone.moment_ms(zoned.timestamp().as_millisecond()))
    });
    Some((at_ms, rest))
}

/// `2026-11-22T14:28:28.123456+00:00 rest`.
fn iso(text: &str) -> Option<(Option<i64>, &str)> {
    let (stamp, rest) = text.split_once(' ')?;
    if !stamp.contains('T') || stamp.len() < 19 {
        return None;
    }
    let stamp = if stamp.len() > 5
        && stamp
            .as_bytes()
            .get(stamp.len() - 5)
            .is_some_and(|c| b"+-".contains(c))
    {
        // journalctl -o short-iso writes the zone without a colon.
        let (head, minutes) = stamp.split_at_checked(stamp.len() - 2)?;
        format!("{head}:{minutes}")
    } else {
        stamp.to_owned()
    };
    let time: jiff::Timestamp = stamp.parse().ok()?;
    Some((Some(time.as_millisecond()), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_form_has_a_time_only_with_a_year() {
        let text = "Nov 22 14:28:28 web-1 gunicorn[77]: [CRITICAL] WORKER TIMEOUT (pid:80)";
        let entry = line(text, None, 0).expect("a line");
        assert_eq!(
            (entry.from.as_str(), entry.pid, entry.at_ms),
            ("gunicorn", Some(77), None)
        );
        assert_eq!(
            line(text, Some(2026), 0).and_then(|entry| entry.at_ms),
            Some(1_795_357_708_000)
        );
    }

    #[test]
    fn haproxy_without_a_host_name_and_iso_times_are_read() {
        let entry = line("<134>Nov 22 14:28:28 haproxy[18312]: 127.0.0.1:1 x", None, 0).expect("a line");
        assert_eq!(
            (entry.from.as_str(), entry.message.as_str()),
            ("haproxy", "127.0.0.1:1 x")
        );
        let entry = line("2026-11-22T14:28:28+0000 web-1 kernel: Out of memory", None, 0).expect("a line");
        assert_eq!(entry.at_ms, Some(1_795_357_708_000));
    }

    #[test]
    fn hostile_lines_do_no_harm() {
        for text in [
            "",
            "Nov",
            "Nov 99 99:99:99 a b: c",
            "Nov 22 x y z",
            "2026T é b: c",
            "<999999>x",
            "é",
        ] {
            let _ = line(text, Some(2026), 0);
        }
    }
}
