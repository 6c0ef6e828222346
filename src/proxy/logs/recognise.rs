//! Which log it is, from its first lines.

use super::LogKind;
use super::time::{access, ctime, epoch, line_ms, numeric};

/// Lines that are looked at.
const LINES: usize = 50;

/// Recognises a log by its first bytes (64 KiB are plenty): the kind that most of the lines have. `None`: no log
/// that is known here. An access log in a format of its own is recognised only when it begins like `combined`.
pub fn recognise(start: &[u8]) -> Option<LogKind> {
    let mut votes: Vec<(LogKind, usize)> = Vec::new();
    let mut lines = 0;
    for line in start
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .take(LINES)
    {
        lines += 1;
        if let Some(kind) = line_kind(line) {
            match votes.iter_mut().find(|(known, _)| *known == kind) {
                Some((_, count)) => *count += 1,
                None => votes.push((kind, 1)),
            }
        }
    }
    let (kind, count) = votes.into_iter().max_by_key(|(_, count)| *count)?;
    // Continued lines are no vote against.
    (count * 5 >= lines).then_some(kind)
}

/// What tells an application server's log.
const APPLICATION: [&[u8]; 13] = [
    b"[pool ",
    b"NOTICE: fpm",
    b"NOTICE: ready",
    b"[CRITICAL] ",
    b"[INFO] ",
    b"[ERROR] ",
    b"uWSGI",
    b"DAMN ! worker",
    b"=== puma startup",
    b"Terminating timed out worker",
    b" INFO [main] ",
    b" SEVERE [",
    b"JavaScript heap out of memory",
];

fn line_kind(line: &[u8]) -> Option<LogKind> {
    let zeros = line.iter().take_while(|byte| **byte == 0).count();
    let line = line.get(zeros..)?;
    if numeric(line, 0).is_some() && line.get(4) == Some(&b'/') {
        return match line.get(19..21)? {
            b" [" => Some(LogKind::NginxError),
            b"| " | b" k" | b".0" => Some(LogKind::SquidCache),
            _ => None,
        };
    }
    let bracket = line.strip_prefix(b"[");
    if bracket.is_some_and(|line| ctime(line, 0).is_some())
        && memchr::memmem::find(line, b"] [").is_some_and(|position| position < 60)
    {
        return Some(LogKind::ApacheError);
    }
    if epoch(line).is_some()
        && contains(line, b"/")
        && [&b" TCP_"[..], b" UDP_", b" NONE"]
            .iter()
            .any(|word| contains(line, word))
    {
        return Some(LogKind::SquidAccess);
    }
    let stamp = memchr::memchr_iter(b'[', line)
        .take(4)
        .find(|position| line.get(position + 1..).and_then(access).is_some());
    if let Some(stamp) = stamp {
        let rest = line.get(stamp..)?;
        // `combined` has referrer and agent after the size, `common` has not.
        let quotes = memchr::memchr_iter(b'"', rest).count();
        return contains(rest, b"] \"").then(|| {
            if quotes >= 6 {
                LogKind::NginxAccess(String::new())
            } else {
                LogKind::ApacheAccess(String::new())
            }
        });
    }
    (APPLICATION.iter().any(|word| contains(line, word)) && line_ms(line, 0).is_some())
        .then_some(LogKind::Application)
}

fn contains(line: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(line, part).is_some()
}
