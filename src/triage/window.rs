//! The last minutes or hours of logs that were sent: counted back from their newest line.
//!
//! The clock of this machine tells nothing about a log that was written last week on another one.

use crate::evidence::Zone;
use crate::proxy::logs::line_ms;

/// Where a window begins that ends with the newest line; `None`: everything counts.
pub(super) fn from_ms(window_ms: Option<u64>, newest_ms: Option<i64>) -> Option<i64> {
    let window_ms = window_ms.filter(|window_ms| *window_ms != u64::MAX)?;
    newest_ms?.checked_sub_unsigned(window_ms)
}

/// The newest time on the lines of the end of a log, milliseconds since 1970; `zone` is that of times that name none.
pub fn last_ms(end: &[u8], zone: Zone) -> Option<i64> {
    end.split(|byte| *byte == b'\n')
        .filter_map(|line| line_ms(line, zone))
        .max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_ends_with_the_newest_line() {
        assert_eq!(from_ms(Some(1_000), Some(5_000)), Some(4_000));
        assert_eq!(from_ms(Some(1_000), None), None);
        assert_eq!(from_ms(Some(u64::MAX), Some(5_000)), None);
        assert_eq!(from_ms(None, Some(5_000)), None);
    }

    #[test]
    fn the_newest_line_need_not_be_the_last_one() {
        let end = b"it goes on\n2026/11/22 18:10:55 [error] a\n2026/11/22 18:10:54 [error] b\nno time\n";
        assert_eq!(last_ms(end, 0.into()), Some(1_795_371_055_000));
    }
}
