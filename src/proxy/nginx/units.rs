//! Times, sizes and flags as nginx writes them.

/// A time in milliseconds, for settings that nginx keeps in milliseconds (`60s`, `1h30m`, `500ms`).
pub(super) fn milliseconds(text: &str) -> Option<u64> {
    time(text, true)
}

/// A time in milliseconds, for settings that nginx keeps in seconds: years and months allowed, no `ms`.
pub(super) fn seconds_as_milliseconds(text: &str) -> Option<u64> {
    time(text, false)?.checked_mul(1000)
}

/// The value in milliseconds (`fine`) or seconds.
fn time(text: &str, fine: bool) -> Option<u64> {
    let bytes = text.as_bytes();
    let mut index = 0;
    let mut total = 0_u64;
    // Steps go from large to small and never back.
    let mut step = 0_u8;
    let mut any = false;
    let unit_of = |step: u8, seconds: u64| {
        if fine && step < 7 {
            seconds.saturating_mul(1000)
        } else {
            seconds
        }
    };
    while index < bytes.len() {
        let start = index;
        while bytes.get(index).is_some_and(u8::is_ascii_digit) {
            index += 1;
        }
        let value: u64 = text.get(start..index)?.parse().ok()?;
        let mut next = |expected: u8| -> bool {
            let found = bytes.get(index) == Some(&expected);
            index += usize::from(found);
            found
        };
        let (this, seconds) = if next(b'y') {
            (1, 60 * 60 * 24 * 365)
        } else if next(b'M') {
            (2, 60 * 60 * 24 * 30)
        } else if next(b'w') {
            (3, 60 * 60 * 24 * 7)
        } else if next(b'd') {
            (4, 60 * 60 * 24)
        } else if next(b'h') {
            (5, 60 * 60)
        } else if next(b'm') {
            if next(b's') {
                if !fine {
                    return None;
                }
                (8, 1)
            } else {
                (6, 60)
            }
        } else if next(b's') {
            (7, 1)
        } else {
            (9, 1)
        };
        if this <= step || (fine && this <= 2) {
            return None;
        }
        step = this;
        // Step 7 and a bare number are seconds; step 8 is milliseconds already.
        let scale = match this {
            7 | 9 if fine => 1000,
            8 => 1,
            other => unit_of(other, seconds),
        };
        total = total.checked_add(value.checked_mul(scale)?)?;
        any = true;
        while bytes.get(index) == Some(&b' ') {
            index += 1;
        }
    }
    any.then_some(total)
}

/// A size in bytes (`4096`, `8k`, `1m`); `g` only where nginx allows it.
pub(super) fn bytes(text: &str, giga: bool) -> Option<u64> {
    let (digits, scale) = match text.as_bytes().last()? {
        b'k' | b'K' => (text.get(..text.len() - 1)?, 1024),
        b'm' | b'M' => (text.get(..text.len() - 1)?, 1024 * 1024),
        b'g' | b'G' if giga => (text.get(..text.len() - 1)?, 1024 * 1024 * 1024),
        _ => (text, 1),
    };
    number(digits)?.checked_mul(scale)
}

/// A plain number.
pub(super) fn number(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse::<u64>().ok().filter(|value| i64::try_from(*value).is_ok())
}

/// `on` or `off`, in any case.
pub(super) fn flag(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("on") {
        Some(true)
    } else if text.eq_ignore_ascii_case("off") {
        Some(false)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_nginx_reads_them() {
        for (text, expected) in [
            ("60", Some(60_000)),
            ("60s", Some(60_000)),
            ("1h30m", Some(5_400_000)),
            ("1h 30m", Some(5_400_000)),
            ("500ms", Some(500)),
            ("0", Some(0)),
            ("1m1h", None),
            ("1.5s", None),
            ("1M", None),
            ("5S", None),
            ("", None),
        ] {
            assert_eq!(milliseconds(text), expected, "{text}");
        }
        assert_eq!(seconds_as_milliseconds("1M"), Some(2_592_000_000));
        assert_eq!(seconds_as_milliseconds("5ms"), None);
    }

    #[test]
    fn sizes_are_read_as_nginx_reads_them() {
        assert_eq!(bytes("8k", false), Some(8192));
        assert_eq!(bytes("1g", false), None);
        assert_eq!(bytes("1g", true), Some(1 << 30));
        assert_eq!(bytes("k", false), None);
    }
}
