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

    /// The secret, for the one place that sends it.
    pub fn exposed(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}
