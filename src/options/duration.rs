//! `30s`, `500ms`, `2m`; a plain number is seconds.

use std::time::Duration;

use super::UsageError;

/// No limit of this program is longer.
const LONGEST_MS: u64 = 60 * 60 * 1000;

/// Reads a duration between 1 ms and 1 h.
///
/// # Errors
/// When it is no number with one of the units, is nothing, or is longer than an hour.
pub fn parse_duration(text: &str) -> Result<Duration, UsageError> {
    let wrong = || {
        UsageError::new(format!("{text:?} is no duration"))
            .hint("write 30s, 500ms or 2m; a plain number is seconds")
    };
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits).ok_or_else(wrong)?;
    let factor_ms = match unit {
        "ms" => 1,
        "s" | "" => 1000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    match number.checked_mul(factor_ms) {
        Some(0) => Err(UsageError::new("a duration of nothing leaves no time to look")),
        Some(ms) if ms <= LONGEST_MS => Ok(Duration::from_millis(ms)),
        Some(_) | None => Err(UsageError::new(format!("{text} is longer than an hour"))),
    }
}

/// Reads how far back logs are read: `10m`, `6h`, `2d`, or `all`. Milliseconds; [`u64::MAX`]: all.
///
/// # Errors
/// When it is no number with one of the units, is nothing, or is longer than ten years.
pub fn parse_window(text: &str) -> Result<u64, UsageError> {
    let wrong = || UsageError::new(format!("{text:?} is no span of time")).hint("write 10m, 6h, 2d or all");
    if text == "all" {
        return Ok(u64::MAX);
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits).ok_or_else(wrong)?;
    let factor_ms: u64 = match unit {
        "s" | "" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong()),
    };
    number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(factor_ms))
        .filter(|ms| (1..=3_650 * 86_400_000).contains(ms))
        .ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_understood_and_a_plain_number_is_seconds() {
        let ms = |text| parse_duration(text).map(|duration| duration.as_millis());
        assert_eq!(ms("30s"), Ok(30_000));
        assert_eq!(ms("30"), Ok(30_000));
        assert_eq!(ms("500ms"), Ok(500));
        assert_eq!(ms("2m"), Ok(120_000));
        assert_eq!(ms("1h"), Ok(3_600_000));
    }

    #[test]
    fn spans_for_logs_are_read() {
        assert_eq!(parse_window("10m"), Ok(600_000));
        assert_eq!(parse_window("2d"), Ok(172_800_000));
        assert_eq!(parse_window("all"), Ok(u64::MAX));
        for text in ["", "0", "10x", "-1h", "99999999999d", "ALL", "é"] {
            assert!(parse_window(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in [
            "",
            "s",
            "-1s",
            "1.5s",
            "30 s",
            "30x",
            "0",
            "0ms",
            "2h",
            "99999999999999999999",
            "18446744073709551615m",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
