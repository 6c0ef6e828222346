//! `2h`, `3d`, or a time: since when something counts.

use std::time::Duration;

use super::UsageError;

/// Since when something counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// So long before the diagnosis.
    Ago(Duration),
    /// Milliseconds since 1970.
    At(i64),
}

impl Since {
    /// Milliseconds since 1970, for a diagnosis at this time.
    pub fn at_ms(self, now_ms: i64) -> i64 {
        match self {
            Self::Ago(ago) => now_ms.saturating_sub(i64::try_from(ago.as_millis()).unwrap_or(i64::MAX)),
            Self::At(at_ms) => at_ms,
        }
    }
}

/// Reads `30m`, `2h`, `3d`, `2026-11-22`, `2026-11-22T03:00Z`, `2026-11-22 03:00:00`. A time without a zone is
/// UTC, as all times in a report are.
///
/// # Errors
/// When it is neither.
pub fn parse_since(text: &str) -> Result<Since, UsageError> {
    ago(text).or_else(|| at(text)).ok_or_else(|| {
        UsageError::new(format!("{text:?} is no time"))
            .hint("write 30m, 2h or 3d, or a time in UTC such as 2026-11-22T03:00Z")
    })
}

fn ago(text: &str) -> Option<Since> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let factor_s = match unit {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    let seconds = number.parse::<u64>().ok()?.checked_mul(factor_s)?;
    Some(Since::Ago(Duration::from_secs(seconds)))
}

fn at(text: &str) -> Option<Since> {
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Some(Since::At(time.as_millisecond()));
    }
    let plain = text.strip_suffix(['Z', 'z']).unwrap_or(text);
    let time: jiff::civil::DateTime = plain.parse().ok()?;
    let zoned = time.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(Since::At(zoned.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_times_are_understood() {
        assert_eq!(parse_since("2h"), Ok(Since::Ago(Duration::from_hours(2))));
        assert_eq!(
            parse_since("3d").map(|since| since.at_ms(400_000_000)),
            Ok(140_800_000)
        );
        let three = Ok(Since::At(1_795_316_400_000));
        for text in [
            "2026-11-22T03:00Z",
            "2026-11-22T03:00:00Z",
            "2026-11-22 03:00",
            "2026-11-22 03:00:00",
            "2026-11-22T04:00:00+01:00",
        ] {
            assert_eq!(parse_since(text), three, "{text}");
        }
        assert_eq!(parse_since("2026-11-22"), Ok(Since::At(1_795_305_600_000)));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2",
            "h",
            "-2h",
            "yesterday",
            "2026-13-01",
            "25:00",
            "99999999999999999999d",
        ] {
            assert!(parse_since(text).is_err(), "{text}");
        }
    }
}
