//! Secrets on command lines: options by name, and the short options of programs that are known.

use std::sync::LazyLock;

use regex::Regex;

use super::rules::{Until, group, scan, value_at};
use super::{Redactor, marker, names, pattern};

pattern!(OPTION r"(?i)(?:^|\s)(--?[a-z][a-z0-9_.-]*)[ \t]+");
pattern!(MYSQL r#"\b(?:mysql|mariadb)[a-z_-]*\b[^\n|;]*?[ \t"']-p([^\s"';]+)"#);
pattern!(SSHPASS r#"\bsshpass[ \t]+-p[ \t]*["']?([^\s"']+)"#);
pattern!(CURL r#"\b(?:curl|wget)\b[^\n|;]*?[ \t](?:-u|-U|--user|--proxy-user)[ =]?["']?([^\s"':]+:[^\s"']+)"#);
pattern!(SINGLE_LETTER r#"\b(?:redis-cli\b[^\n|;]*?[ \t]-a|(?:ldap[a-z]+|[a-z_]*ldap[a-z_]*)\b[^\n|;]*?[ \t]-w|htpasswd\b[^\n|;]*?[ \t]-[a-zA-Z]*b[a-zA-Z]*[ \t]+\S+[ \t]+\S+)[ \t]+["']?([^\s"']+)"#);
pattern!(OPENSSL r#"\bpass(?:in|out)?[ =]+pass:([^\s"']+)"#);

/// Command lines within a text; `None` when the search fails.
pub(super) fn round(redactor: &mut Redactor, text: &str) -> Option<String> {
    let mut text = text.to_owned();
    for (pattern, kind) in [
        (&MYSQL, "password"),
        (&SSHPASS, "password"),
        (&CURL, "credentials"),
        (&SINGLE_LETTER, "password"),
        (&OPENSSL, "password"),
    ] {
        text = group(redactor, &text, pattern, kind)?;
    }
    options(redactor, &text)
}

fn options(redactor: &mut Redactor, text: &str) -> Option<String> {
    scan(text, &OPTION, |found, text| {
        let name = found.get(1)?.as_str();
        let range = value_at(text, found.get(0)?.end(), None, Until::Word);
        let value = text.get(range.clone())?;
        let plain = value.starts_with('-') || value.starts_with(['=', ':']) || marker::is_harmless(value);
        (!plain && names::is_secret(name, value))
            .then(|| (range, redactor.replace(names::kind_of(name), value)))
    })
}

/// The words of a command line.
pub(super) fn arguments(redactor: &mut Redactor, words: &[&str]) -> Vec<String> {
    let mut programs: Vec<&str> = Vec::new();
    let mut before: &str = "";
    let mut out = Vec::with_capacity(words.len());
    // `htpasswd -b FILE USER PASSWORD`.
    let batch = words
        .iter()
        .any(|word| word.starts_with('-') && !word.starts_with("--") && word.contains('b'));
    for (index, word) in words.iter().enumerate() {
        let is = |part: &str| programs.iter().any(|program| program.contains(part));
        let attached = word
            .strip_prefix("-p")
            .filter(|rest| !rest.is_empty() && (is("mysql") || is("mariadb") || is("sshpass")));
        let follows = match before {
            "-p" => is("sshpass"),
            "-a" => is("redis-cli"),
            "-w" => is("ldap"),
            "-u" | "-U" | "--user" | "--proxy-user" => (is("curl") || is("wget")) && word.contains(':'),
            name if name.starts_with('-') && !name.contains('=') => {
                names::is_secret(name, word) && !word.starts_with('-')
            }
            _ => false,
        };
        let last = index + 1 == words.len() && index > 2 && batch && is("htpasswd");
        let redacted = if marker::is_harmless(word) {
            (*word).to_owned()
        } else if last {
            redactor.replace("password", word)
        } else if follows {
            redactor.replace(names::kind_of(before), word)
        } else if let Some(password) = attached.filter(|password| !marker::is_harmless(password)) {
            format!("-p{}", redactor.replace("password", password))
        } else if let Some((name, value)) = word
            .split_once('=')
            .filter(|(name, value)| {
                !name.contains([' ', '/', '?', '&', ':']) && names::is_secret(name, value)
            })
            .filter(|(_, value)| !marker::is_harmless(value))
        {
            // One word is one value, whatever signs are in it.
            format!("{name}={}", redactor.replace(names::kind_of(name), value))
        } else {
            redactor.text(word)
        };
        if !word.starts_with('-') && programs.len() < 8 {
            programs.push(word.rsplit('/').next().unwrap_or_default());
        }
        before = word;
        out.push(redacted);
    }
    out
}
