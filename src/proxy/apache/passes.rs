//! `ProxyPass` and `ProxyPassMatch`: what they say, and whether they take a path.

use super::tree::StatementId;
use super::{Config, paths};
use crate::proxy::nginx::pattern;

/// One `ProxyPass` or `ProxyPassMatch`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyPass {
    /// The directive.
    pub statement: StatementId,
    /// The index of its server in [`Config::servers`].
    pub server: usize,
    /// The `<Location>` or `<LocationMatch>` it stands in.
    pub location: Option<StatementId>,
    /// Its path is a regular expression: `ProxyPassMatch`, or a pattern in a `<Location>`.
    pub regex: bool,
    /// The path it takes; in a section, that of the section.
    pub path: String,
    /// Where it leads, as written (`http://h:81/x`, `unix:/s|fcgi://php/`, `balancer://b/`); `!` for nowhere.
    pub url: String,
    /// `key=value` parameters in order.
    pub parameters: Vec<(String, String)>,
    /// Words without value: `nocanon`, `interpolate`, `noquery`.
    pub flags: Vec<String>,
}

impl ProxyPass {
    /// The address without the socket's path (`fcgi://php/` of `unix:/s|fcgi://php/`).
    pub fn real(&self) -> String {
        without_socket(&self.url).0
    }

    /// `!`: paths it takes are not proxied.
    pub fn is_exclusion(&self) -> bool {
        self.url == "!"
    }

    /// A word without value is there.
    pub fn has_flag(&self, name: &str) -> bool {
        self.flags.iter().any(|flag| flag.eq_ignore_ascii_case(name))
    }

    /// The last value of a parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let mut found = self.parameters.iter().rev();
        found
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// The URL and the path of the socket that it is reached over.
pub(super) fn without_socket(url: &str) -> (String, Option<String>) {
    let is_socket = url.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("unix:"));
    match url.split_once('|').filter(|_| is_socket) {
        Some((socket, rest)) => {
            let path = socket.get(5..).unwrap_or_default().to_owned();
            // `unix:/path|fcgi:` stands for `fcgi://localhost`.
            let rest = match rest.split_once(':') {
                Some((scheme, "")) => format!("{scheme}://localhost"),
                _ => rest.to_owned(),
            };
            (rest, Some(path))
        }
        None => (url.to_owned(), None),
    }
}

/// All of them, in order.
pub(super) fn passes(config: &Config) -> Vec<ProxyPass> {
    let mut found = Vec::new();
    if !config.modules.has("proxy_module") {
        return found;
    }
    for (id, statement) in config.statements() {
        let by_expression = statement.is("ProxyPassMatch");
        if !(statement.is("ProxyPass") || by_expression) {
            continue;
        }
        let location = config.tree.around(id).skip(1).find(|section| {
            let section = config.tree.get(*section);
            section.is("Location") || section.is("LocationMatch")
        });
        let mut words = statement.arguments().iter();
        let path = match location {
            Some(location) => section_path(config, location).0,
            None => words.next().map(|word| word.text.to_owned()).unwrap_or_default(),
        };
        let Some(url) = words.next().map(|word| word.text.to_owned()) else {
            continue;
        };
        let mut parameters = Vec::new();
        let mut flags = Vec::new();
        for word in words {
            match word.text.split_once('=') {
                Some((key, value)) => parameters.push((key.to_owned(), value.to_owned())),
                None => flags.push(word.text.to_owned()),
            }
        }
        let regex = by_expression || (location.is_some() && paths::is_pattern(&path));
        found.push(ProxyPass {
            statement: id,
            server: config.server_of(id),
            location,
            regex,
            path,
            url,
            parameters,
            flags,
        });
    }
    found
}

/// The path of a `<Location>`, `<Directory>` or `<Files>`, and whether it is a regular expression.
pub(super) fn section_path(config: &Config, section: StatementId) -> (String, bool) {
    let statement = config.tree.get(section);
    let matched = statement.name().to_ascii_lowercase().ends_with("match");
    if !matched && statement.argument(0) == "~" {
        return (statement.argument(1).to_owned(), true);
    }
    (statement.argument(0).to_owned(), matched)
}

/// How many bytes of the path an alias takes; any number of slashes is as good as one.
pub(super) fn alias_match(path: &str, alias: &str) -> Option<usize> {
    let (path, alias) = (path.as_bytes(), alias.as_bytes());
    let (mut p, mut a) = (0_usize, 0_usize);
    while let (Some(wanted), Some(byte)) = (alias.get(a), path.get(p)) {
        if *wanted == b'/' {
            if *byte != b'/' {
                return None;
            }
            while alias.get(a) == Some(&b'/') {
                a = a.saturating_add(1);
            }
            while path.get(p) == Some(&b'/') {
                p = p.saturating_add(1);
            }
        } else {
            if wanted != byte {
                return None;
            }
            a = a.saturating_add(1);
            p = p.saturating_add(1);
        }
    }
    if a < alias.len() {
        return None;
    }
    let ends_in_slash = a.checked_sub(1).and_then(|last| alias.get(last)) == Some(&b'/');
    if !ends_in_slash && !matches!(path.get(p), None | Some(b'/')) {
        return None;
    }
    (p > 0).then_some(p)
}

/// What a pass does with a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// The path is not its own.
    No,
    /// It is, and is not proxied.
    Excluded,
    /// It goes to this URL, which is not made canonical yet.
    To(String),
    /// That cannot be told here.
    Unknown(String),
}

/// Whether a pass takes a decoded path.
pub(super) fn take(pass: &ProxyPass, path: &str) -> Taken {
    let real = pass.real();
    if pass.regex {
        return match pattern::matches(&pass.path, false, path) {
            Ok(None) => Taken::No,
            Ok(Some(_)) if pass.is_exclusion() => Taken::Excluded,
            Ok(Some(captures)) => {
                let found = substitute(&real, &captures.numbered);
                Taken::To(if found == real {
                    format!("{real}{path}")
                } else {
                    found
                })
            }
            Err(reason) => Taken::Unknown(reason),
        };
    }
    match alias_match(path, &pass.path) {
        None => Taken::No,
        Some(_) if pass.is_exclusion() => Taken::Excluded,
        Some(length) => Taken::To(format!("{real}{}", path.get(length..).unwrap_or_default())),
    }
}

/// `ap_pregsub`: `$0` to `$9` and `&`; a backslash takes their meaning away.
pub(super) fn substitute(text: &str, captures: &[Option<String>]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let number = match character {
            '&' => Some(0),
            '$' => {
                let digit = characters.peek().and_then(|next| next.to_digit(10));
                if digit.is_some() {
                    characters.next();
                }
                digit
            }
            '\\' => {
                if let Some(next) = characters.next_if(|next| matches!(next, '$' | '&' | '\\')) {
                    out.push(next);
                    continue;
                }
                None
            }
            _ => None,
        };
        match number {
            Some(number) => {
                let index = usize::try_from(number).unwrap_or(usize::MAX);
                if let Some(Some(group)) = captures.get(index) {
                    out.push_str(group);
                }
            }
            None => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_ends_at_a_slash() {
        for (path, alias, expected) in [
            ("/a", "/a", Some(2)),
            ("/a/x", "/a", Some(2)),
            ("/ab", "/a", None),
            ("/a", "/a/", None),
            ("/a/x", "/a/", Some(3)),
            ("/x", "/", Some(1)),
            ("/", "/a", None),
        ] {
            assert_eq!(alias_match(path, alias), expected, "{path} {alias}");
        }
    }

    #[test]
    fn a_socket_is_no_part_of_the_url() {
        assert_eq!(
            without_socket("unix:/run/a.sock|fcgi://php/"),
            ("fcgi://php/".to_owned(), Some("/run/a.sock".to_owned()))
        );
        assert_eq!(
            without_socket("unix:/s|http:"),
            ("http://localhost".to_owned(), Some("/s".to_owned()))
        );
        assert_eq!(without_socket("http://h|x").1, None);
    }

    #[test]
    fn groups_are_put_in() {
        let groups = [Some("/a/b".to_owned()), Some("b".to_owned()), None];
        assert_eq!(substitute("h/$1/$2$9&\\$1", &groups), "h/b//a/b$1");
    }
}
