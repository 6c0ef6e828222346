//! The request target: normalised as nginx does for matching, escaped as it does for the upstream.

/// A request target after nginx has taken it apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// Decoded path.
    pub(super) uri: String,
    /// The query, as sent.
    pub(super) arguments: String,
    /// The path had `%`.
    pub(super) quoted: bool,
    /// The path had `+`.
    pub(super) plus: bool,
    /// The authority of an absolute target, which wins over the Host header.
    pub(super) authority: Option<String>,
    /// The target without scheme and authority: what goes upstream unchanged.
    pub(super) raw: String,
    /// `$request_uri`: as `raw`, but `http://h?x` has no slash here.
    pub(super) request_uri: String,
}

/// Takes a target apart. `None`: nginx answers 400.
pub(super) fn parse(target: &str, merge_slashes: bool) -> Option<Target> {
    let mut written = target;
    let (authority, raw) = match target.split_once("://") {
        Some((scheme, rest))
            if !target.starts_with('/') && scheme.bytes().all(|byte| byte.is_ascii_alphabetic()) =>
        {
            let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
            let (authority, path) = rest.split_at(end);
            let slashed = if path.starts_with('/') {
                path.to_owned()
            } else {
                format!("/{path}")
            };
            written = if path.is_empty() { "/" } else { path };
            (Some(authority.to_owned()), slashed)
        }
        _ => (None, target.to_owned()),
    };
    let request_uri = written.to_owned();
    let without_fragment = raw.split('#').next().unwrap_or_default();
    let (path, arguments) = without_fragment.split_once('?').unwrap_or((without_fragment, ""));
    if !path.starts_with('/') {
        return None;
    }
    let bytes = normal(path.as_bytes(), merge_slashes)?;
    Some(Target {
        uri: text_of(&bytes),
        arguments: arguments.to_owned(),
        quoted: path.contains('%'),
        plus: path.contains('+'),
        authority,
        raw,
        request_uri,
    })
}

/// Decodes, merges slashes and takes out dot segments.
fn normal(path: &[u8], merge_slashes: bool) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path.iter().copied();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let value = hex(rest.next()?)? * 16 + hex(rest.next()?)?;
            if value == 0 {
                return None;
            }
            decoded.push(value);
        } else {
            decoded.push(byte);
        }
    }
    let mut out: Vec<u8> = vec![b'/'];
    let segments: Vec<&[u8]> = decoded.get(1..)?.split(|byte| *byte == b'/').collect();
    let last = segments.len().saturating_sub(1);
    for (index, segment) in segments.iter().enumerate() {
        match *segment {
            b"." => {}
            b".." => {
                // Here `out` always ends in a slash: take that and the segment before it.
                out.pop();
                if out.is_empty() {
                    return None;
                }
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
    Some(out)
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

/// Escapes a path for the upstream request line.
pub(super) fn escape(path: &str) -> String {
    escape_where(path, |byte| matches!(byte, b'#' | b'?'))
}

/// Escapes a value that goes into the query.
pub(super) fn escape_argument(value: &str) -> String {
    escape_where(value, |byte| matches!(byte, b'#' | b'?' | b'&' | b'+' | b';'))
}

fn escape_where(text: &str, also: impl Fn(u8) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in bytes_of(text) {
        let special = matches!(
            byte,
            b' ' | b'"' | b'%' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}'
        );
        if !(0x20..0x7f).contains(&byte) || special || also(byte) {
            out.push('%');
            for half in [byte >> 4, byte & 15] {
                out.push(
                    char::from_digit(u32::from(half), 16)
                        .unwrap_or('0')
                        .to_ascii_uppercase(),
                );
            }
        } else {
            out.push(char::from(byte));
        }
    }
    out
}

/// Bytes that are no UTF-8 are kept as characters of this private plane.
const STRAY: u32 = 0x0010_ff00;

/// Bytes as text; none is lost.
pub(in crate::proxy) fn text_of(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        let stray = chunk.invalid().iter();
        text.extend(stray.filter_map(|byte| char::from_u32(STRAY + u32::from(*byte))));
    }
    text
}

/// The bytes that a text was made from.
pub(in crate::proxy) fn bytes_of(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut buffer = [0_u8; 4];
    for character in text.chars() {
        match u32::from(character).checked_sub(STRAY).map(u8::try_from) {
            Some(Ok(byte)) => bytes.push(byte),
            _ => bytes.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes()),
        }
    }
    bytes
}

/// A file path without empty and `.` segments, to compare two spellings.
pub(super) fn plain_path(path: &str) -> String {
    let kept: Vec<&str> = path
        .split('/')
        .filter(|segment| !segment.is_empty() && *segment != ".")
        .collect();
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(target: &str) -> Option<String> {
        parse(target, true).map(|target| target.uri)
    }

    #[test]
    fn a_path_is_normalised_as_nginx_does_it() {
        for (target, expected) in [
            ("/a%20b", Some("/a b")),
            ("//a///b", Some("/a/b")),
            ("/a/./b/../c", Some("/a/c")),
            ("/a/..", Some("/")),
            ("/a/.", Some("/a/")),
            ("/..", None),
            ("/a%2Fb%2f..", Some("/a/")),
            ("/%zz", None),
            ("/%00", None),
            ("/a%3Fb?c", Some("/a?b")),
            ("/a%2525", Some("/a%25")),
            ("http://h?x", Some("/")),
            ("a", None),
        ] {
            assert_eq!(uri(target).as_deref(), expected, "{target}");
        }
    }
}
