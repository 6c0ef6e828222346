//! Paths and patterns as APR has them: `ServerRoot`-relative paths, and `apr_fnmatch` for includes,
//! `<Location>`, `<Directory>` and server aliases.

/// A path relative to the server's root, without `.`, `..` and doubled slashes.
pub(super) fn absolute(root: &str, path: &str) -> String {
    let joined = if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("{root}/{path}")
    };
    let mut kept: Vec<&str> = Vec::new();
    for segment in joined.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            segment => kept.push(segment),
        }
    }
    let slash = if joined.ends_with('/') && !kept.is_empty() {
        "/"
    } else {
        ""
    };
    format!("/{}{slash}", kept.join("/"))
}

/// True when `apr_fnmatch_test` sees a pattern: `*`, `?`, or a `[` that is closed.
pub(super) fn is_pattern(text: &str) -> bool {
    let mut open = false;
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'*' | b'?' => return true,
            b'\\' => {
                if bytes.next().is_none() {
                    return false;
                }
            }
            b'[' => open = true,
            b']' if open => return true,
            _ => {}
        }
    }
    false
}

/// `apr_fnmatch`: with `by_segment` a `*` or `?` takes no slash (`APR_FNM_PATHNAME`), with `hidden` a leading
/// dot must be written (`APR_FNM_PERIOD`).
pub(super) fn fnmatch(pattern: &str, text: &str, by_segment: bool, hidden: bool) -> bool {
    if by_segment {
        // Slashes stand for themselves, so segments are compared one by one.
        let (patterns, texts): (Vec<&str>, Vec<&str>) =
            (pattern.split('/').collect(), text.split('/').collect());
        return patterns.len() == texts.len()
            && patterns
                .iter()
                .zip(&texts)
                .all(|(pattern, text)| glob(pattern.as_bytes(), text.as_bytes(), hidden));
    }
    glob(pattern.as_bytes(), text.as_bytes(), hidden)
}

fn glob(pattern: &[u8], text: &[u8], hidden: bool) -> bool {
    if hidden && text.first() == Some(&b'.') && pattern.first() != Some(&b'.') {
        return false;
    }
    let (mut p, mut t) = (0_usize, 0_usize);
    let mut retry: Option<(usize, usize)> = None;
    while let Some(byte) = text.get(t).copied() {
        let step = match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p, t));
                p = p.saturating_add(1);
                continue;
            }
            Some(b'?') => Some(1),
            Some(b'[') => class(pattern.get(p..).unwrap_or_default(), byte),
            Some(b'\\') if pattern.get(p.saturating_add(1)) == Some(&byte) => Some(2),
            Some(expected) if *expected == byte => Some(1),
            _ => None,
        };
        if let Some(step) = step {
            p = p.saturating_add(step);
            t = t.saturating_add(1);
        } else if let Some((star, from)) = retry {
            p = star.saturating_add(1);
            t = from.saturating_add(1);
            retry = Some((star, t));
        } else {
            return false;
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|rest| *rest == b'*')
}

/// How many bytes of the pattern the class at its start takes when it holds this byte. A class that is not
/// closed is a literal `[`.
fn class(pattern: &[u8], byte: u8) -> Option<usize> {
    let negated = matches!(pattern.get(1), Some(b'!' | b'^'));
    let first = if negated { 2 } else { 1 };
    let closing = pattern.iter().skip(first + 1).position(|byte| *byte == b']');
    let Some(length) = closing.map(|found| found.saturating_add(first + 1)) else {
        return (byte == b'[').then_some(1);
    };
    let members = pattern.get(first..length).unwrap_or_default();
    let mut index = 0;
    let mut inside = false;
    while let Some(&low) = members.get(index) {
        if let (Some(b'-'), Some(&high)) = (members.get(index + 1), members.get(index + 2)) {
            inside |= low <= byte && byte <= high;
            index += 3;
        } else {
            inside |= low == byte;
            index += 1;
        }
    }
    (inside != negated).then(|| length.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_start_at_the_root_of_the_server() {
        for (path, expected) in [
            ("conf.d/*.conf", "/etc/httpd/conf.d/*.conf"),
            ("/a//b/./c/../d", "/a/b/d"),
            ("../x/", "/etc/x/"),
        ] {
            assert_eq!(absolute("/etc/httpd", path), expected);
        }
    }

    #[test]
    fn patterns_match_as_apr_has_it() {
        for (pattern, text, expected) in [
            ("*.conf", "a.conf", true),
            ("*.conf", ".a.conf", false),
            ("/a*", "/ab", true),
            ("/a*", "/ab/c", false),
            ("/*/c", "/b/c", true),
            ("[a-c]?", "b1", true),
            ("[!a]", "a", false),
        ] {
            assert_eq!(fnmatch(pattern, text, true, true), expected, "{pattern} {text}");
        }
        assert!(fnmatch("*.a.test", "x.y.a.test", false, false));
        assert!(is_pattern("a[b]") && !is_pattern("a[b") && !is_pattern("a\\*b"));
    }
}
