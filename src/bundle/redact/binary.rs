//! Requests in which values have a length before them: `FastCGI`, uwsgi and SCGI. They are taken apart,
//! their values redacted by name, and put together again with the lengths of what they hold now, as the
//! same request made from a redacted configuration has them.

use super::Redactor;

/// A redacted request; `None` when the bytes are none of these.
pub(super) fn redact(redactor: &mut Redactor, bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.starts_with(&[1, BEGIN_REQUEST, 0]) {
        // A request that cannot be taken apart could hold anything anywhere.
        let whole = |redactor: &mut Redactor| redactor.hidden(bytes);
        return Some(fastcgi(redactor, bytes).unwrap_or_else(|| whole(redactor)));
    }
    uwsgi(redactor, bytes).or_else(|| scgi(redactor, bytes))
}

const BEGIN_REQUEST: u8 = 1;
const PARAMS: u8 = 4;

fn fastcgi(redactor: &mut Redactor, mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(bytes.len());
    while !bytes.is_empty() {
        let (head, rest) = bytes.split_first_chunk::<8>()?;
        let [1, kind, id_high, id_low, length_high, length_low, padding, _] = *head else {
            return None;
        };
        let (content, rest) =
            rest.split_at_checked(usize::from(u16::from_be_bytes([length_high, length_low])))?;
        let (_, rest) = rest.split_at_checked(usize::from(padding))?;
        bytes = rest;
        let content = if kind == PARAMS {
            pairs(redactor, content)?
        } else {
            redactor.plain(content)
        };
        let length = u16::try_from(content.len()).ok()?.to_be_bytes();
        let padding = if padding == 0 {
            0
        } else {
            u8::try_from((8 - content.len() % 8) % 8).unwrap_or(0)
        };
        out.extend([1, kind, id_high, id_low, length[0], length[1], padding, 0]);
        out.extend(content);
        out.resize(out.len() + usize::from(padding), 0);
    }
    Some(out)
}

fn pairs(redactor: &mut Redactor, mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(bytes.len());
    while !bytes.is_empty() {
        let name_bytes;
        let value_bytes;
        (name_bytes, bytes) = length(bytes)?;
        (value_bytes, bytes) = length(bytes)?;
        let name;
        let value;
        (name, bytes) = bytes.split_at_checked(name_bytes)?;
        (value, bytes) = bytes.split_at_checked(value_bytes)?;
        let value = redactor.parameter(name, value);
        push_length(&mut out, name.len())?;
        push_length(&mut out, value.len())?;
        out.extend_from_slice(name);
        out.extend(value);
    }
    Some(out)
}

fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    match bytes {
        [first, rest @ ..] if *first < 0x80 => Some((usize::from(*first), rest)),
        [a, b, c, d, rest @ ..] => {
            let length = u32::from_be_bytes([*a & 0x7F, *b, *c, *d]);
            Some((usize::try_from(length).ok()?, rest))
        }
        _ => None,
    }
}

fn push_length(out: &mut Vec<u8>, length: usize) -> Option<()> {
    if let Ok(short) = u8::try_from(length)
        && short < 0x80
    {
        out.push(short);
    } else {
        let [a, b, c, d] = u32::try_from(length).ok()?.to_be_bytes();
        out.extend([a | 0x80, b, c, d]);
    }
    Some(())
}

fn uwsgi(redactor: &mut Redactor, bytes: &[u8]) -> Option<Vec<u8>> {
    let (head, rest) = bytes.split_first_chunk::<4>()?;
    let [modifier, low, high, second] = *head;
    let (mut variables, body) = rest.split_at_checked(usize::from(u16::from_le_bytes([low, high])))?;
    if modifier != 0 || variables.is_empty() {
        return None;
    }
    let mut out = Vec::with_capacity(bytes.len());
    while !variables.is_empty() {
        let name;
        let value;
        (name, variables) = sized(variables)?;
        (value, variables) = sized(variables)?;
        let value = redactor.parameter(name, value);
        for part in [name, &value] {
            out.extend(u16::try_from(part.len()).ok()?.to_le_bytes());
            out.extend_from_slice(part);
        }
    }
    let [low, high] = u16::try_from(out.len()).ok()?.to_le_bytes();
    let mut whole = vec![modifier, low, high, second];
    whole.extend(out);
    whole.extend(redactor.plain(body));
    Some(whole)
}

fn sized(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))
}

fn scgi(redactor: &mut Redactor, bytes: &[u8]) -> Option<Vec<u8>> {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (length, rest) = bytes.split_at_checked(digits)?;
    let rest = rest.strip_prefix(b":")?;
    let length: usize = std::str::from_utf8(length).ok()?.parse().ok()?;
    let (content, body) = rest.split_at_checked(length)?;
    let (content, body) = (content.strip_suffix(&[0])?, body.strip_prefix(b",")?);
    let mut parts = content.split(|byte| *byte == 0);
    let mut out = Vec::with_capacity(bytes.len());
    while let Some(name) = parts.next() {
        let value = redactor.parameter(name, parts.next()?);
        for part in [name, &value] {
            out.extend_from_slice(part);
            out.push(0);
        }
    }
    let mut whole = format!("{}:", out.len()).into_bytes();
    whole.extend(out);
    whole.push(b',');
    whole.extend(redactor.plain(body));
    Some(whole)
}

impl Redactor {
    /// Nothing of these bytes but a marker.
    fn hidden(&mut self, bytes: &[u8]) -> Vec<u8> {
        super::escape::bytes(&self.replace("request", &super::escape::text(bytes)))
    }

    /// The value of a parameter that an application server is sent.
    fn parameter(&mut self, name: &[u8], value: &[u8]) -> Vec<u8> {
        let name = String::from_utf8_lossy(name);
        super::escape::bytes(&self.named(&name, &super::escape::text(value)))
    }

    /// Bytes that are no request of these protocols themselves.
    fn plain(&mut self, bytes: &[u8]) -> Vec<u8> {
        super::escape::bytes(&self.text(&super::escape::text(bytes)))
    }
}
