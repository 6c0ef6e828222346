//! Which files an `include` pattern names.

use crate::proxy::Files;

/// The files of a pattern, sorted; a pattern without wildcards names itself when it can be read.
pub(super) fn expand(pattern: &str, files: &dyn Files) -> Vec<String> {
    if !pattern.contains(['*', '?', '[']) {
        // Whether it is missing or only unreadable is told by reading it.
        return match files.read(pattern) {
            Err(reason) if reason.contains("no such file") => Vec::new(),
            _ => vec![pattern.to_owned()],
        };
    }
    let mut found = vec![String::new()];
    let mut parts = pattern.split('/').filter(|part| !part.is_empty()).peekable();
    while let Some(part) = parts.next() {
        let mut next = Vec::new();
        for directory in found {
            if part.contains(['*', '?', '[']) {
                let listed = if directory.is_empty() {
                    "/"
                } else {
                    directory.as_str()
                };
                let mut names = files.list(listed);
                names.retain(|name| {
                    (!name.starts_with('.') || part.starts_with('.'))
                        && matches(part.as_bytes(), name.as_bytes())
                });
                names.sort();
                names.dedup();
                next.extend(names.into_iter().map(|name| format!("{directory}/{name}")));
            } else {
                next.push(format!("{directory}/{part}"));
            }
        }
        found = next;
        if parts.peek().is_none() {
            let last_is_plain = !part.contains(['*', '?', '[']);
            found.retain(|path| !last_is_plain || files.read(path).is_ok());
        }
    }
    found
}

/// `*`, `?` and `[...]` as glob(3) has them, within one name.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut from) = (0_usize, 0_usize);
    let mut retry: Option<(usize, usize)> = None;
    loop {
        let step = match (pattern.get(at), name.get(from)) {
            (None, None) => return true,
            (Some(b'*'), _) => {
                retry = Some((at.saturating_add(1), from));
                Some((at.saturating_add(1), from))
            }
            (Some(b'?'), Some(_)) => Some((at.saturating_add(1), from.saturating_add(1))),
            (Some(b'['), Some(byte)) => {
                let rest = pattern.get(at.saturating_add(1)..).unwrap_or_default();
                match class(rest, *byte) {
                    Some((true, length)) => Some((
                        at.saturating_add(1).saturating_add(length),
                        from.saturating_add(1),
                    )),
                    Some((false, _)) => None,
                    None => (*byte == b'[').then_some((at.saturating_add(1), from.saturating_add(1))),
                }
            }
            (Some(expected), Some(byte)) if expected == byte => {
                Some((at.saturating_add(1), from.saturating_add(1)))
            }
            _ => None,
        };
        match (step, retry) {
            (Some(step), _) => (at, from) = step,
            (None, Some((star, consumed))) if consumed < name.len() => {
                retry = Some((star, consumed.saturating_add(1)));
                (at, from) = (star, consumed.saturating_add(1));
            }
            _ => return false,
        }
    }
}

/// Whether a byte is in a class, and how long the class is with its `]`; `None`: no class after all.
fn class(rest: &[u8], byte: u8) -> Option<(bool, usize)> {
    let negated = matches!(rest.first(), Some(b'!' | b'^'));
    let start = usize::from(negated);
    let length = rest
        .iter()
        .skip(start.saturating_add(1))
        .position(|other| *other == b']')?;
    let end = start.saturating_add(1).saturating_add(length);
    let members = rest.get(start..end)?;
    let mut inside = false;
    let mut index = 0_usize;
    while let Some(first) = members.get(index) {
        match (
            members.get(index.saturating_add(1)),
            members.get(index.saturating_add(2)),
        ) {
            (Some(b'-'), Some(last)) => {
                inside |= (*first..=*last).contains(&byte);
                index = index.saturating_add(3);
            }
            _ => {
                inside |= *first == byte;
                index = index.saturating_add(1);
            }
        }
    }
    Some((inside != negated, end.saturating_add(1)))
}
