//! One file of a configuration: its bytes, and where its lines begin.

use std::sync::Arc;

use super::lexer::number;

/// One file that was read.
#[derive(Clone, Debug)]
pub(super) struct SourceFile {
    pub(super) path: String,
    pub(super) bytes: Arc<[u8]>,
    pub(super) modified_ms: Option<i64>,
    /// Where its lines begin, in bytes from 0; made when the first place is asked for.
    lines: std::sync::OnceLock<Vec<u32>>,
}

impl SourceFile {
    pub(super) fn new(path: String, bytes: Vec<u8>, modified_ms: Option<i64>) -> Self {
        Self {
            path,
            bytes: Arc::from(bytes),
            modified_ms,
            lines: std::sync::OnceLock::new(),
        }
    }

    fn lines(&self) -> &[u32] {
        self.lines.get_or_init(|| {
            let ends = memchr::memchr_iter(b'\n', &self.bytes);
            std::iter::once(0)
                .chain(ends.map(|at| number(at.saturating_add(1))))
                .collect()
        })
    }

    /// The 1-based line and byte column of a byte, counted from 0.
    pub(super) fn line_and_column(&self, at: usize) -> (u32, u32) {
        let (lines, at) = (self.lines(), number(at));
        let line = lines.partition_point(|start| *start <= at);
        let start = lines.get(line.saturating_sub(1)).copied().unwrap_or(0);
        (number(line), at.saturating_sub(start).saturating_add(1))
    }

    /// The bytes of a line, counted from 1; empty when there is no such line.
    pub(super) fn line(&self, line: u32) -> &[u8] {
        let index = usize::try_from(line).unwrap_or(0).saturating_sub(1);
        let start = self.lines().get(index).and_then(|start| usize::try_from(*start).ok());
        let rest = start.and_then(|start| self.bytes.get(start..)).unwrap_or_default();
        memchr::memchr(b'\n', rest)
            .and_then(|end| rest.get(..end))
            .unwrap_or(rest)
    }
}
