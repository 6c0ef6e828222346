//! Maps of nginx: the keys are secrets when they are compared with one, the values when one is made.

use std::sync::LazyLock;

use regex::Regex;

use super::rules::{Until, scan, value_at};
use super::{Redactor, marker, names, pattern};

pattern!(MAP r#"(?m)^[ \t]*map[ \t]+["']?([^\s"'{]+)["']?[ \t]+\$([A-Za-z0-9_]+)\s*\{([^{}]*)\}"#);
pattern!(LINE r"(?:^|;)\s*");

/// Words that begin a line of a map and are no keys.
const WORDS: &[&str] = &["default", "hostnames", "volatile", "include"];

/// Maps whose variables are named like secrets.
pub(super) fn round(redactor: &mut Redactor, text: &str) -> Option<String> {
    scan(text, &MAP, |found, _| {
        let source = found.get(1)?.as_str().trim_start_matches('$');
        let source = ["http_", "arg_", "cookie_", "sent_http_"]
            .iter()
            .find_map(|prefix| source.strip_prefix(prefix))
            .unwrap_or(source);
        let (target, body) = (found.get(2)?.as_str(), found.get(3)?);
        let secret = |name: &str| names::is_secret_header(name) || names::is_secret(name, "a value");
        let (keys, values) = (secret(source), secret(target));
        if !keys && !values {
            return None;
        }
        let lines = scan(body.as_str(), &LINE, |line, text| {
            let key = value_at(text, line.get(0)?.end(), None, Until::Word);
            let rest = text.get(key.end..)?;
            let value = rest.trim_start_matches(['"', '\'']).trim_start();
            let value = value_at(text, text.len() - value.len(), None, Until::Word);
            let mut out = String::new();
            let word = text.get(key.clone())?;
            let plain = !keys || WORDS.contains(&word) || marker::is_harmless(word);
            out.push_str(&if plain {
                word.to_owned()
            } else {
                redactor.replace(names::kind_of(source), word)
            });
            out.push_str(text.get(key.end..value.start)?);
            let word = text.get(value.clone())?;
            out.push_str(&if values {
                redactor.literals(names::kind_of(target), word)
            } else {
                word.to_owned()
            });
            Some((key.start..value.end, out))
        })?;
        (lines != body.as_str()).then(|| (body.range(), lines))
    })
}
