//! User and password on their way to the one place that sends them.
//!
//! A secret travels beside a question, in a field that serde skips, and goes into the bytes only when the
//! question is performed. What the peer echoes of it is masked before the answer is kept.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A password shorter than this is too common a word to be masked wherever it stands.
const SHORTEST_MASKED: usize = 6;

/// User and password, decoded. There is no `Display` and no `Serialize`, and `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    user: String,
    password: String,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    /// Takes a user and a password as they are, not percent-encoded.
    pub fn new(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self {
            user: user.into(),
            password: password.into(),
        }
    }

    pub(super) fn user(&self) -> &str {
        &self.user
    }

    pub(super) fn password(&self) -> &str {
        &self.password
    }

    /// The value of an `Authorization` or `Proxy-Authorization` header.
    pub(super) fn basic(&self) -> String {
        format!("Basic {}", self.token())
    }

    fn token(&self) -> String {
        STANDARD.encode(format!("{}:{}", self.user, self.password))
    }

    /// Overwrites what is repeated of the secret with as many asterisks, so that lengths stay true.
    pub(super) fn mask(&self, bytes: &mut [u8]) {
        let mut needles = vec![self.token(), format!("{}:{}", self.user, self.password)];
        if self.password.len() >= SHORTEST_MASKED {
            needles.push(self.password.clone());
            needles.push(STANDARD.encode(&self.password));
        }
        for needle in needles {
            let needle = needle.as_bytes();
            let mut from = 0;
            while let Some(at) = bytes
                .get(from..)
                .and_then(|rest| rest.windows(needle.len()).position(|part| part == needle))
            {
                let end = from + at + needle.len();
                if let Some(found) = bytes.get_mut(from + at..end) {
                    found.fill(b'*');
                }
                from = end;
            }
        }
    }

    /// As [`Self::mask`], for text.
    pub(super) fn masked(&self, text: &str) -> String {
        let mut bytes = text.as_bytes().to_vec();
        self.mask(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// A request with one more header line; what is no HTTP request with a whole head stays as it is.
pub(super) fn with_header(request: &[u8], name: &str, value: &str) -> Vec<u8> {
    let mut bytes = request.to_vec();
    let is_http = ["GET ", "HEAD ", "CONNECT ", "POST ", "OPTIONS "]
        .iter()
        .any(|method| request.starts_with(method.as_bytes()));
    if let Some(end) = request.windows(4).position(|part| part == b"\r\n\r\n")
        && is_http
    {
        let at = end + 2;
        bytes.splice(at..at, format!("{name}: {value}\r\n").into_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_peer_repeats_is_masked_at_its_length() {
        let secret = Secret::new("joe", "s3cret-word");
        let mut bytes = format!("a {} b joe:s3cret-word c s3cret-word", secret.basic()).into_bytes();
        let length = bytes.len();
        secret.mask(&mut bytes);
        let text = String::from_utf8(bytes).expect("asterisks are text");
        assert_eq!(text.len(), length);
        assert!(
            !text.contains("s3cret") && !text.contains(&secret.token()),
            "{text}"
        );
        assert!(text.starts_with("a Basic ***") && text.contains(" c ***"));
        assert_eq!(format!("{secret:?}"), "Secret(…)");
    }

    #[test]
    fn a_password_that_is_an_ordinary_word_leaves_the_answer_readable() {
        let mut bytes = b"Server: nginx".to_vec();
        Secret::new("joe", "nginx").mask(&mut bytes);
        assert_eq!(bytes, b"Server: nginx");
    }

    #[test]
    fn a_header_goes_to_the_end_of_the_head_and_only_of_a_request() {
        let request = with_header(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "X", "y");
        assert_eq!(request, b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n");
        assert_eq!(with_header(b"\x16\x03\r\n\r\n", "X", "y"), b"\x16\x03\r\n\r\n");
    }
}
