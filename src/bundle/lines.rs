//! A cap on text that cuts only at the ends of lines.

/// The first whole lines of a text within a cap, and whether anything is missing. A first line that is longer
/// than the cap is cut, at the end of a character.
pub(super) fn first(bytes: &[u8], cap_bytes: usize) -> (&[u8], bool) {
    let Some(head) = bytes.get(..cap_bytes).filter(|_| bytes.len() > cap_bytes) else {
        return (bytes, false);
    };
    let end = head
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or_else(|| before_character(bytes, cap_bytes), |line_end| line_end + 1);
    (bytes.get(..end).unwrap_or_default(), true)
}

/// The last whole lines of a text within a cap, and whether anything is missing.
pub(super) fn last(bytes: &[u8], cap_bytes: usize) -> (&[u8], bool) {
    let Some(from) = bytes.len().checked_sub(cap_bytes).filter(|from| *from > 0) else {
        return (bytes, false);
    };
    (after_line_end(bytes.get(from - 1..).unwrap_or_default()), true)
}

/// What follows the first line end; all of it when there is none.
pub(super) fn after_line_end(bytes: &[u8]) -> &[u8] {
    match bytes.iter().position(|byte| *byte == b'\n') {
        Some(end) => bytes.get(end + 1..).unwrap_or_default(),
        None => bytes,
    }
}

/// The place at or before `place` at which no character is cut.
fn before_character(bytes: &[u8], place: usize) -> usize {
    (place.saturating_sub(3)..=place)
        .rev()
        .find(|place| bytes.get(*place).is_none_or(|byte| byte & 0xC0 != 0x80))
        .unwrap_or(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cap_cuts_at_the_ends_of_lines() {
        assert_eq!(first(b"one\ntwo\n", 8), (&b"one\ntwo\n"[..], false));
        assert_eq!(first(b"one\ntwo\n", 7), (&b"one\n"[..], true));
        assert_eq!(first(b"one\ntwo\n", 4), (&b"one\n"[..], true));
        assert_eq!(first(b"endless", 3), (&b"end"[..], true));
        assert_eq!(first("aé".as_bytes(), 2), (&b"a"[..], true));
        assert_eq!(last(b"one\ntwo\n", 8), (&b"one\ntwo\n"[..], false));
        assert_eq!(last(b"one\ntwo\n", 7), (&b"two\n"[..], true));
        assert_eq!(last(b"one\ntwo\n", 4), (&b"two\n"[..], true));
        assert_eq!(last(b"one\ntwo\n", 3), (&b""[..], true));
    }
}
