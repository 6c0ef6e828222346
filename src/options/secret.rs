//! A secret is a type: it cannot be printed, serialised or compared in a message by accident.

use std::fmt;

/// `user:password` from a URL, as written there (percent-encoded).
///
/// There is no `Display` and no `Serialize`, and `Debug` shows nothing of it. Whoever sends it says so by
/// calling [`Credentials::exposed`].
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials(String);

impl Credentials {
    /// Takes the text before the `@` of a URL.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret as written in the URL, for the one place that sends it.
    pub fn exposed(&self) -> &str {
        &self.0
    }

    /// The user, percent-decoded.
    pub fn user(&self) -> String {
        decoded(self.0.split_once(':').map_or(self.0.as_str(), |(user, _)| user))
    }

    /// The password, percent-decoded; empty when there is none.
    pub fn password(&self) -> String {
        decoded(self.0.split_once(':').map_or("", |(_, password)| password))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

/// `%40` as `@`; what is no such sequence stays.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        let byte = after
            .get(..2)
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        if let (Some(byte), Some(tail)) = (byte, after.get(2..)) {
            bytes.push(byte);
            rest = tail;
        } else {
            bytes.push(b'%');
            rest = after;
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_password_are_decoded() {
        let secret = Credentials::new("j%40e:p%3Aw:%zz%4");
        assert_eq!(
            (secret.user().as_str(), secret.password().as_str()),
            ("j@e", "p:w:%zz%4")
        );
        let secret = Credentials::new("joe");
        assert_eq!((secret.user().as_str(), secret.password().as_str()), ("joe", ""));
        assert_eq!(Credentials::new("%c3%b6%").user(), "ö%");
    }

    #[test]
    fn nothing_of_a_secret_is_shown() {
        assert_eq!(format!("{:?}", Credentials::new("joe:pw")), "Credentials(…)");
    }
}
