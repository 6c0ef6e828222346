//! Bytes in pieces of any size to lines, with a bounded buffer.

/// The longest line that is read whole; of a longer one the beginning counts.
pub(super) const LINE_BYTES: usize = 16 * 1024;

/// The beginning of a line whose end has not come yet.
#[derive(Debug, Default)]
pub(super) struct Lines {
    kept: Vec<u8>,
    /// The line is longer than what is kept.
    over: bool,
}

impl Lines {
    /// Takes the next piece, and hands over each line that ends in it, without its end, and whether it is cut.
    pub(super) fn feed(&mut self, mut bytes: &[u8], mut each: impl FnMut(&[u8], bool)) {
        if !self.kept.is_empty() || self.over {
            let Some(end) = memchr::memchr(b'\n', bytes) else {
                self.keep(bytes);
                return;
            };
            let (line, rest) = bytes.split_at(end);
            self.keep(line);
            each(&self.kept, self.over);
            self.kept.clear();
            self.over = false;
            bytes = rest.get(1..).unwrap_or_default();
        }
        let mut from = 0;
        for end in memchr::memchr_iter(b'\n', bytes) {
            let line = bytes.get(from..end).unwrap_or_default();
            match line.get(..LINE_BYTES) {
                Some(line) if end - from > LINE_BYTES => each(line, true),
                _ => each(line, false),
            }
            from = end + 1;
        }
        self.keep(bytes.get(from..).unwrap_or_default());
    }

    /// Hands over a last line without its end, and whether it is cut.
    pub(super) fn finish(&mut self, mut each: impl FnMut(&[u8], bool)) {
        if !self.kept.is_empty() {
            each(&self.kept, self.over);
        }
        self.kept.clear();
        self.over = false;
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = LINE_BYTES.saturating_sub(self.kept.len());
        self.over |= bytes.len() > room;
        self.kept
            .extend_from_slice(bytes.get(..bytes.len().min(room)).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_the_same_in_pieces_of_any_size() {
        let text = format!("a\n\nbc\r\n{}\nlast", "x".repeat(40_000)).into_bytes();
        let read = |size: usize| {
            let (mut lines, mut found) = (Lines::default(), Vec::new());
            for piece in text.chunks(size) {
                lines.feed(piece, |line, cut| found.push((line.to_vec(), cut)));
            }
            lines.finish(|line, cut| found.push((line.to_vec(), cut)));
            assert!(lines.kept.capacity() <= 2 * LINE_BYTES);
            found
        };
        let whole = read(text.len());
        assert_eq!(whole.len(), 5);
        assert_eq!(
            whole.get(3).map(|(line, cut)| (line.len(), *cut)),
            Some((LINE_BYTES, true))
        );
        for size in [1, 2, 3, 7, 4_096, LINE_BYTES, LINE_BYTES + 1] {
            assert_eq!(read(size), whole, "{size}");
        }
    }
}
