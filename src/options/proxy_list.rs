//! A list of proxies: one to a line, its URL and after it what the user calls it.
//!
//! Users and passwords stand in these lines in every order that a seller of proxies ever thought of, so that no
//! error repeats anything of a line but its scheme.

use std::collections::BTreeMap;

use super::{ProxyAddress, UsageError, parse_proxy};

/// No list is longer.
const MOST: usize = 10_000;

/// Reads a list of proxies; empty lines and what follows a `#` at the start of a word are left out. The same
/// proxy twice is one.
///
/// # Errors
/// At the first line that is no proxy, with file and line; when a proxy is listed with two logins; when there
/// is none, or more than ten thousand.
pub fn parse_proxy_list(text: &str, file: &str) -> Result<Vec<ProxyAddress>, UsageError> {
    let mut found: Vec<ProxyAddress> = Vec::new();
    let mut known: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (number, line) in (1..).zip(text.lines()) {
        let words: Vec<&str> = line
            .split_whitespace()
            .take_while(|word| !word.starts_with('#'))
            .collect();
        let Some((url, label)) = words.split_first() else {
            continue;
        };
        let mut proxy = parse_proxy(url).map_err(|_| no_proxy(url, line, file, number))?;
        proxy.label = Some(label.join(" ")).filter(|label| !label.is_empty());
        if let Some((index, first)) = known.get(&proxy.url) {
            if found
                .get(*index)
                .is_some_and(|other| other.credentials != proxy.credentials)
            {
                let message = format!("{file}:{number}: this proxy is in line {first} with another login");
                return Err(UsageError::new(message)
                    .hint("one login at a time: put the other one in a list of its own"));
            }
            continue;
        }
        if found.len() == MOST {
            return Err(UsageError::new(format!(
                "{file}:{number}: more than {MOST} proxies"
            )));
        }
        known.insert(proxy.url.clone(), (found.len(), number));
        found.push(proxy);
    }
    if found.is_empty() {
        return Err(UsageError::new(format!("{file} lists no proxy"))
            .hint("one to a line: http://USER:PASSWORD@HOST:PORT LABEL"));
    }
    Ok(found)
}

/// What is wrong with a line, without repeating what may be a password.
fn no_proxy(url: &str, line: &str, file: &str, number: usize) -> UsageError {
    let scheme = url
        .split_once("://")
        .map(|(scheme, _)| scheme)
        .filter(|scheme| scheme.len() < 12 && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let usable = |scheme: &str| {
        ["http", "https", "socks4", "socks4a", "socks5", "socks5h"]
            .contains(&scheme.to_ascii_lowercase().as_str())
    };
    match scheme {
        Some(scheme) if !usable(scheme) => UsageError::new(format!(
            "{file}:{number}: {scheme}:// is no kind of proxy that fix502 can use"
        ))
        .hint("write http://, https://, socks4:// or socks5:// and then HOST:PORT"),
        _ if rest.matches(':').count() == 3 && !line.contains('@') => {
            UsageError::new(format!("{file}:{number}: this is no URL of a proxy"))
                .hint("write USER:PASSWORD@HOST:PORT instead of HOST:PORT:USER:PASSWORD")
        }
        _ => UsageError::new(format!("{file}:{number}: this is no URL of a proxy"))
            .hint("write http://USER:PASSWORD@HOST:PORT, and what is special in a password as %XX"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_logins_labels_and_comments_are_told_apart() {
        let text = "\u{feff}# ours\r\nhttp://ann:s3cret@a.test:3128  Frankfurt  one # slow\r\n\r\nsocks5://b.test\n\
                    c.test:8080 #x\nhttp://ann:s3cret@a.test:3128 again\n";
        let found = parse_proxy_list(text, "list").expect("a list");
        let shown: Vec<_> = found
            .iter()
            .map(|proxy| (proxy.url.as_str(), proxy.label.as_deref()))
            .collect();
        assert_eq!(
            shown,
            [
                ("http://a.test:3128", Some("Frankfurt one")),
                ("socks5://b.test:1080", None),
                ("http://c.test:8080", None),
            ]
        );
        assert!(found.first().is_some_and(|proxy| proxy.credentials.is_some()));
    }

    #[test]
    fn an_error_names_file_and_line_and_nothing_of_a_login() {
        for (line, words) in [
            ("ftp://joe:s3cret@a:1", "ftp:// is no kind of proxy"),
            ("a.test:3128:joe:s3cret", "no URL of a proxy"),
            ("http://joe:s3cret pw@a:1", "no URL of a proxy"),
            ("joe:s3cret pw@a.test:1", "no URL of a proxy"),
            ("http://joe:s3cret@:1", "no URL of a proxy"),
            ("http://joe:s3cret@a:99999 label", "no URL of a proxy"),
            ("http://joe:s3cret@a.test:1", "line 1 with another login"),
        ] {
            let error =
                parse_proxy_list(&format!("http://joe:other@a.test:1\n\n{line}\n"), "l.txt").expect_err(line);
            assert!(
                error.message.starts_with("l.txt:3: ") && error.message.contains(words),
                "{error}"
            );
            assert!(
                error.hint.is_some() && !format!("{error:?}").contains("s3cret"),
                "{error:?}"
            );
        }
        let none = parse_proxy_list("# nothing\n\n", "l.txt").expect_err("no proxy");
        assert!(none.message.contains("lists no proxy"), "{none}");
    }
}
