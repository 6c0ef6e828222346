//! The request target: normalised and decoded as httpd does it before anything looks at the path.

/// A request target after httpd has taken it apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Target {
    /// Decoded path.
    pub(super) path: String,
    /// The query, as sent; `None` without `?`.
    pub(super) query: Option<String>,
    /// The path as sent.
    pub(super) raw_path: String,
    /// The authority of an absolute target, which wins over the Host header.
    pub(super) authority: Option<String>,
    /// The scheme of an absolute target.
    pub(super) scheme: Option<String>,
}

/// `AllowEncodedSlashes`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum EncodedSlashes {
    /// `%2F` is answered with 404.
    #[default]
    Refused,
    /// `%2F` becomes `/`.
    Decoded,
    /// `%2F` stays.
    Kept,
}

/// The parts of a target; nothing is decoded yet. The error is the status that answers it.
pub(super) fn split(target: &str) -> Result<Target, u16> {
    if target.is_empty() || target.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
        return Err(400);
    }
    if target.contains('#') {
        return Err(400);
    }
    let mut parts = Target::default();
    let mut rest = target;
    if !target.starts_with('/')
        && let Some((scheme, after)) = target.split_once("://")
    {
        let end = after.find(['/', '?']).unwrap_or(after.len());
        let (authority, path) = after.split_at(end);
        parts.scheme = Some(scheme.to_ascii_lowercase());
        parts.authority = Some(authority.to_owned());
        rest = path;
    }
    let (path, query) = match rest.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (rest, None),
    };
    parts.query = query;
    parts.raw_path = if path.is_empty() && parts.authority.is_some() {
        "/".to_owned()
    } else {
        path.to_owned()
    };
    Ok(parts)
}

/// Slashes that a path begins with are one before anything looks at it, whatever `MergeSlashes` says.
pub(super) fn with_one_slash(raw: &str) -> &str {
    let more = raw.bytes().take_while(|byte| *byte == b'/').count();
    raw.get(more.saturating_sub(1)..).unwrap_or(raw)
}

/// Normalises and decodes a path. The error is the status that answers it.
pub(super) fn decode(raw: &str, merge_slashes: bool, slashes: EncodedSlashes) -> Result<String, u16> {
    if raw == "*" {
        return Ok(raw.to_owned());
    }
    if !raw.starts_with('/') {
        return Err(400);
    }
    let (normal, sound) = normalise(raw.as_bytes(), merge_slashes, true);
    if !sound {
        return Err(400);
    }
    let mut decoded = Vec::with_capacity(normal.len());
    let mut status = None;
    let mut index = 0;
    while let Some(byte) = normal.get(index).copied() {
        if byte != b'%' {
            decoded.push(byte);
            index += 1;
            continue;
        }
        let Some(value) = escaped(&normal, index) else {
            status = Some(400);
            decoded.push(byte);
            index += 1;
            continue;
        };
        if value == 0 || (value == b'/' && slashes == EncodedSlashes::Refused) {
            status = status.or(Some(404));
        }
        if value == b'/' && slashes == EncodedSlashes::Kept {
            decoded.extend_from_slice(normal.get(index..index + 3).unwrap_or_default());
        } else {
            decoded.push(value);
        }
        index += 3;
    }
    if let Some(status) = status {
        return Err(status);
    }
    if slashes == EncodedSlashes::Decoded {
        // What the decoded slashes made of the path is simplified once more; that this time it may leave the
        // root is not looked at.
        decoded = normalise(&decoded, merge_slashes, false).0;
    }
    // Bytes that are no UTF-8 become characters from which they can be had again.
    Ok(crate::proxy::nginx::uri::text_of(&decoded))
}

/// The byte that `%XX` at this index stands for.
pub(super) fn escaped(bytes: &[u8], index: usize) -> Option<u8> {
    let hex = |offset: usize| {
        let byte = bytes.get(index.saturating_add(offset))?;
        char::from(*byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    Some(hex(1)? * 16 + hex(2)?)
}

/// `ap_normalize_path`: merges slashes, takes out dot segments, decodes what needs no escape. False: an escape
/// is broken, or `..` would leave the root, where it is left out.
fn normalise(path: &[u8], merge_slashes: bool, decode: bool) -> (Vec<u8>, bool) {
    // Unreserved characters first: then a dot is a dot.
    let mut plain = Vec::with_capacity(path.len());
    let mut index = 0;
    let mut sound = true;
    while let Some(byte) = path.get(index).copied() {
        if decode && byte == b'%' {
            match escaped(path, index) {
                Some(value)
                    if value.is_ascii_alphanumeric() || matches!(value, b'-' | b'.' | b'_' | b'~') =>
                {
                    plain.push(value);
                    index += 3;
                    continue;
                }
                Some(_) => {}
                None => sound = false,
            }
        }
        plain.push(byte);
        index += 1;
    }
    let mut out: Vec<u8> = vec![b'/'];
    let segments: Vec<&[u8]> = plain
        .get(1..)
        .unwrap_or_default()
        .split(|byte| *byte == b'/')
        .collect();
    let last = segments.len().saturating_sub(1);
    for (index, segment) in segments.iter().enumerate() {
        match *segment {
            b"." => {}
            b".." => {
                if out.len() <= 1 {
                    sound = false;
                    continue;
                }
                out.pop();
                while out.last().is_some_and(|byte| *byte != b'/') {
                    out.pop();
                }
            }
            b"" if index == last => {}
            b"" => {
                if !merge_slashes {
                    out.push(b'/');
                }
            }
            _ => {
                out.extend_from_slice(segment);
                if index != last {
                    out.push(b'/');
                }
            }
        }
    }
    (out, sound)
}

/// `ap_no2slash`.
pub(super) fn without_double_slashes(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for character in path.chars() {
        if !(character == '/' && out.ends_with('/')) {
            out.push(character);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_normalised_as_httpd_does_it() {
        for (raw, expected) in [
            ("/a%20b", Ok("/a b")),
            ("//a///b", Ok("/a/b")),
            ("/a/./b/../c", Ok("/a/c")),
            ("/a/%2e%2E/c", Ok("/c")),
            ("/a/..", Ok("/")),
            ("/..", Err(400)),
            ("/a%2Fb", Err(404)),
            ("/%00", Err(404)),
            ("/%zz", Err(400)),
            ("/a%3Fb%25", Ok("/a?b%")),
        ] {
            assert_eq!(
                decode(raw, true, EncodedSlashes::Refused),
                expected.map(str::to_owned),
                "{raw}"
            );
        }
        assert_eq!(
            decode("/a%2F../b", true, EncodedSlashes::Decoded),
            Ok("/b".to_owned())
        );
        assert_eq!(
            decode("/.%2e%2F/x", true, EncodedSlashes::Decoded),
            Ok("/x".to_owned())
        );
        assert_eq!(
            decode("/a%2Fb", true, EncodedSlashes::Kept),
            Ok("/a%2Fb".to_owned())
        );
        assert_eq!(
            decode("//a", false, EncodedSlashes::Refused),
            Ok("//a".to_owned())
        );
    }
}
