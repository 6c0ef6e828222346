//! Which passes never get a request because another one takes all their paths.

use std::collections::HashMap;

use super::super::{Config, ProxyPass};

/// Paths that are taken already, each with the index of its pass.
#[derive(Default)]
pub(super) struct Covered {
    by_path: HashMap<String, usize>,
}

/// What of a path is the same for all requests that a pass takes, cut at a slash; `None` where that cannot
/// be told.
fn literal(pass: &ProxyPass) -> Option<&str> {
    if !pass.regex {
        return pass.path.starts_with('/').then_some(pass.path.as_str());
    }
    let Some(rest) = pass.path.strip_prefix('^') else {
        return Some("/");
    };
    if rest.contains('|') {
        return Some("/");
    }
    let end = rest
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_')))
        .unwrap_or(rest.len());
    // What a quantifier follows may be absent.
    let quantified = matches!(rest.as_bytes().get(end), Some(b'?' | b'*' | b'{'));
    let text = rest.get(..end.saturating_sub(usize::from(quantified)))?;
    let slash = text.rfind('/')?;
    rest.get(..=slash)
}

/// An expression that takes every path.
fn takes_all(expression: &str) -> bool {
    matches!(
        expression,
        "^/(.*)$"
            | "^/(.*)"
            | "^(.*)$"
            | "^(/.*)$"
            | "^/.*$"
            | "^/"
            | "/"
            | ".*"
            | "^/.*"
            | "(.*)"
            | "^(/.*)"
            | "^"
    )
}

impl Covered {
    /// The index of the pass that takes all paths of this one.
    pub(super) fn by(&self, pass: &ProxyPass) -> Option<usize> {
        let path = literal(pass)?;
        // "/a/b/" is covered by "/a/b/", "/a/b", "/a/", "/a" and "/".
        let ends = path.char_indices().filter(|(_, c)| *c == '/').map(|(index, _)| index);
        let mut found: Option<usize> = None;
        let mut see = |key: &str| {
            if let Some(index) = self.by_path.get(key) {
                found = Some(found.map_or(*index, |known| known.min(*index)));
            }
        };
        for end in ends {
            see(path.get(..=end).unwrap_or_default());
            see(path.get(..end).unwrap_or_default());
        }
        see(path);
        found
    }

    /// Notes what a pass takes.
    pub(super) fn add(&mut self, index: usize, pass: &ProxyPass) {
        let path = if pass.regex {
            if !takes_all(&pass.path) {
                return;
            }
            "/"
        } else {
            pass.path.as_str()
        };
        if !path.is_empty() && !path.contains("${") {
            self.by_path.entry(path.to_owned()).or_insert(index);
        }
    }
}

/// Two passes do the same with the paths of the second.
pub(super) fn same(taker: &ProxyPass, pass: &ProxyPass) -> bool {
    if taker.is_exclusion() || pass.is_exclusion() {
        return taker.is_exclusion() && pass.is_exclusion();
    }
    if taker.regex || pass.regex {
        // Whether an expression builds the same URL is not looked at, unless it is written alike.
        return taker.url == pass.url;
    }
    let Some(rest) = pass.path.strip_prefix(&taker.path) else {
        return false;
    };
    format!("{}{rest}", taker.url) == pass.url
}

/// How a message names what a pass takes.
pub(super) fn shown(config: &Config, pass: &ProxyPass) -> String {
    let name = config.statement(pass.statement).name();
    if pass.path.is_empty() {
        name.to_owned()
    } else {
        format!("{name} {}", pass.path)
    }
}
