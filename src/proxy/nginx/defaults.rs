//! The defaults of nginx that matter to a 502, by version: one table, `defaults.tsv`.
//!
//! A row is: name without its module's prefix, the prefixes it is for (or `upstream`, `http`), the first
//! version it holds for, the value as one would write it. `page` is the memory page of the host. Of several
//! rows for one name the last that is not too new counts; a name without such a row has no default there. To
//! add one: a row.

use super::Environment;

const TABLE: &str = include_str!("defaults.tsv");

/// The default of a setting in this version, as one would write it. `None`: this version has no such setting.
pub(super) fn of(environment: &Environment, scope: &str, name: &str) -> Option<String> {
    let mut found = None;
    for line in TABLE.lines() {
        let mut fields = line.split('\t');
        let (Some(known), Some(scopes), Some(since), Some(value)) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        if known == name && scopes.split(' ').any(|known| known == scope) && reached(environment, since) {
            found = Some(value);
        }
    }
    found.map(|value| value.replace("page", &environment.page_size.to_string()))
}

fn reached(environment: &Environment, since: &str) -> bool {
    let mut parts = since.split('.').map(|part| part.parse().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    environment.at_least(next(), next(), next())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn default(version: (u32, u32, u32), scope: &str, name: &str) -> Option<String> {
        let environment = Environment {
            version: Some(version),
            ..Environment::default()
        };
        of(&environment, scope, name)
    }

    #[test]
    fn a_default_is_that_of_the_version() {
        assert_eq!(
            default((1, 29, 6), "proxy", "http_version").as_deref(),
            Some("1.0")
        );
        assert_eq!(
            default((1, 29, 7), "proxy", "http_version").as_deref(),
            Some("1.1")
        );
        assert_eq!(
            default((1, 18, 0), "upstream", "keepalive_requests").as_deref(),
            Some("100")
        );
        assert_eq!(
            default((1, 24, 0), "upstream", "keepalive_requests").as_deref(),
            Some("1000")
        );
        assert_eq!(default((1, 7, 4), "proxy", "next_upstream_tries"), None);
        assert_eq!(default((1, 22, 1), "proxy", "buffers").as_deref(), Some("8 4096"));
        assert_eq!(default((1, 22, 1), "scgi", "http_version"), None);
    }

    #[test]
    fn every_row_has_four_fields_and_a_version() {
        for line in TABLE.lines() {
            let fields: Vec<&str> = line.split('\t').collect();
            assert_eq!(fields.len(), 4, "{line}");
            assert_eq!(
                fields[2]
                    .split('.')
                    .filter(|part| part.parse::<u32>().is_ok())
                    .count(),
                3,
                "{line}"
            );
        }
    }
}
