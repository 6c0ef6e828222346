//! Physical lines as `fgets` gives them, and how they are joined to the lines of statements. To add a macro:
//! a field of [`Macros`].

use super::words;

/// The longest piece of a line that Squid takes at once, in bytes (`BUFSIZ` less the final NUL).
const LINE_BYTES: usize = 8191;

/// Where a piece of a joined line comes from.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Segment {
    pub(super) offset: u32,
    pub(super) line: u32,
    pub(super) column: u32,
}

/// What stands for `${service_name}` and the others.
#[derive(Clone, Debug, Default)]
pub(super) struct Macros {
    pub(super) service_name: String,
    pub(super) process_name: String,
    pub(super) process_number: String,
}

/// A piece of a file as `fgets` gives it.
pub(super) struct Piece<'a> {
    offset: usize,
    /// Bytes of its line before it.
    into: usize,
    line: u32,
    bytes: &'a [u8],
}

/// The pieces from an offset on, where a piece begins; `into` bytes of its line stand before it.
pub(super) fn physical_lines(
    bytes: &[u8],
    offset: usize,
    line: u32,
    into: usize,
) -> impl Iterator<Item = Piece<'_>> {
    let rest = bytes.get(offset..).unwrap_or_default();
    let mut next = (offset, line, into);
    let lines = rest.split_inclusive(|byte| *byte == b'\n');
    lines.flat_map(|line| line.chunks(LINE_BYTES)).map(move |bytes| {
        let (offset, line, into) = next;
        let end = offset.saturating_add(bytes.len());
        next = if bytes.last() == Some(&b'\n') {
            (end, line.saturating_add(1), 0)
        } else {
            (end, line, into.saturating_add(bytes.len()))
        };
        Piece {
            offset,
            into,
            line,
            bytes,
        }
    })
}

/// Lines that belong together.
#[derive(Default)]
pub(super) struct Joined {
    bytes: Vec<u8>,
    segments: Vec<Segment>,
    /// Where the first piece begins in the file, and how far into its line.
    begin: (usize, usize),
}

impl Joined {
    /// Takes in a piece; true when the statement ends with it.
    pub(super) fn take(&mut self, piece: &Piece<'_>) -> bool {
        let bytes = piece.bytes;
        let end = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r' | 0));
        let bytes = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
        let blank = bytes.iter().take_while(|byte| words::is_blank(**byte)).count();
        let text = bytes.get(blank..).unwrap_or_default();
        if text.is_empty() || text.starts_with(b"#") {
            return false;
        }
        if self.segments.is_empty() {
            self.begin = (piece.offset, piece.into);
        }
        self.segments.push(Segment {
            offset: words::number(self.bytes.len()),
            line: piece.line,
            column: words::number(piece.into.saturating_add(blank).saturating_add(1)),
        });
        self.bytes.extend_from_slice(text);
        if self.bytes.last() == Some(&b'\\') {
            self.bytes.pop();
            return false;
        }
        true
    }

    /// The whole line with its macros replaced, and where its first piece begins in the file.
    pub(super) fn statement(self, macros: &Macros) -> Option<(String, Vec<Segment>, (usize, usize))> {
        let mut text = match String::from_utf8(self.bytes) {
            Ok(text) => text,
            Err(fault) => String::from_utf8_lossy(fault.as_bytes()).into_owned(),
        };
        text.truncate(text.trim_end_matches([' ', '\t', '\r', '\n', '\x0b', '\x0c']).len());
        if text.contains("${") {
            text = text
                .replace("${service_name}", &macros.service_name)
                .replace("${process_name}", &macros.process_name)
                .replace("${process_number}", &macros.process_number);
        }
        (!text.is_empty()).then_some((text, self.segments, self.begin))
    }
}
