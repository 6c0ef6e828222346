//! The pages of the lint rules, compiled in.
//!
//! To add a page: `docs/rules/<id>.md`, and one line here. A test compares this list with the rules.

macro_rules! pages {
    ($($id:literal),+ $(,)?) => {
        &[$(($id, include_str!(concat!("../../docs/rules/", $id, ".md")))),+]
    };
}

/// Id and page of every rule, sorted.
pub(super) static PAGES: &[(&str, &str)] = pages![
    "A001-slash-mismatch",
    "A002-order",
    "A003-locationmatch-pp",
    "A004-location-order",
    "A005-module-missing",
    "A006-sslproxyengine",
    "A007-sslproxy-name",
    "A008-worker-sharing",
    "A009-balancer-empty",
    "A010-stale-pool",
    "A011-timeout",
    "A012-retry60",
    "A013-undefined-var",
    "A014-rewrite-p-scope",
    "A015-header-8k",
    "A016-sethandler-source",
    "A017-vhost-shadow",
    "N001-addr-shadow",
    "N002-name-conflict",
    "N003-dot-conflict",
    "N004-name-port",
    "N005-dead-nested-prefix",
    "N006-dead-regex",
    "N007-nested-no-pass",
    "N008-auto-301",
    "N009-return-beats-pass",
    "N010-server-tryfiles-dead",
    "N011-enc-location",
    "N012-regex-brace",
    "N020-no-resolver",
    "N021-var-name-port",
    "N022-no-scheme-var",
    "N023-upstream-typo",
    "N024-https-port80",
    "N025-http-to-tls-port",
    "N026-frozen-dns",
    "N028-resolver-public",
    "N030-all-down",
    "N031-localhost-dual",
    "N034-self-loop",
    "N035-unix-path",
    "N036-unix-in-tmp",
    "N037-proxy-bind",
    "N040-wrong-protocol",
    "N043-fcgi-script",
    "N044-ws-always",
    "N045-hdr-lost",
    "N046-host-name-mismatch",
    "N047-two-hosts",
    "N050-no-sni",
    "N051-sni-is-upstream-name",
    "N052-verify-name",
    "N053-old-proto",
    "N054-client-cert",
    "N055-verify-untrusted",
    "N060-small-header-buf",
    "N062-buffers-emerg",
    "N063-next-off",
    "N066-fail-timeout-long",
    "N067-timeout-inversion",
    "N068-keepalive-race",
    "N069-keepalive-unused",
    "N070-upgrade-delta",
    "N071-worker-conns",
    "N072-errorpage-loop",
    "N073-authrequest",
    "N074-selinux",
    "N080-fixed-502",
    "N081-cached-502",
    "N082-misspelt",
    "S001-peer-acl-gap",
    "S002-peer-access-typo",
    "S003-not-originserver",
    "S004-dns",
    "S006-http-access-inversion",
];

/// The servers by the first letter of their rules.
const SERVERS: [(char, &str); 4] = [
    ('A', "Apache httpd"),
    ('H', "HAProxy"),
    ('N', "nginx"),
    ('S', "Squid"),
];

/// The page of an id, or of its number alone, in any case.
pub(super) fn page(name: &str) -> Option<String> {
    let is_it = |id: &str| {
        let number = id.split('-').next().unwrap_or(id);
        id.eq_ignore_ascii_case(name) || number.eq_ignore_ascii_case(name)
    };
    let (_, text) = PAGES.iter().find(|(id, _)| is_it(id))?;
    Some(captioned(text))
}

/// What the fences of examples say of them, in words: a terminal does not show fences.
fn captioned(page: &str) -> String {
    let mut text = String::with_capacity(page.len());
    for line in page.lines() {
        let mut words = line.strip_prefix("```").unwrap_or_default().split(' ');
        let caption = match (words.next(), words.next()) {
            (Some("json"), Some("host")) => Some("where this is known of the host:"),
            (_, Some("bad")) if words.any(|word| word == "refused") => {
                Some("Reported, and refused by the server:")
            }
            (_, Some("bad")) => Some("Reported:"),
            (_, Some("good")) => Some("Not reported:"),
            _ => None,
        };
        if let Some(caption) = caption {
            text.push_str(caption);
            text.push_str("\n\n");
        }
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// All ids, a line for each server.
pub(super) fn list() -> String {
    let mut text = String::new();
    for (letter, server) in SERVERS {
        let ids: Vec<String> = PAGES
            .iter()
            .filter(|(id, _)| id.starts_with(letter))
            .map(|(id, _)| format!("`{id}`"))
            .collect();
        if !ids.is_empty() {
            text.push_str("- ");
            text.push_str(server);
            text.push_str(": ");
            text.push_str(&ids.join(", "));
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_found_by_id_and_by_number_in_any_case() {
        for name in [
            "N005",
            "n005",
            "N005-dead-nested-prefix",
            "n005-Dead-Nested-Prefix",
        ] {
            let text = page(name).expect(name);
            assert!(text.starts_with("# N005-dead-nested-prefix\n"), "{name}");
        }
        assert_eq!(page("N999"), None);
    }

    #[test]
    fn an_example_says_whether_it_is_reported() {
        let text = captioned(
            "```nginx bad\na;\n```\n```json host\n{}\n```\n```nginx good\nb;\n```\n```nginx bad refused\n```\n",
        );
        let expected = "Reported:\n\n```nginx bad\na;\n```\nwhere this is known of the host:\n\n```json host\n{}\n```\n\
                        Not reported:\n\n```nginx good\nb;\n```\nReported, and refused by the server:\n\n```nginx bad refused\n```\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn the_list_holds_every_rule() {
        let list = list();
        assert!(PAGES.iter().all(|(id, _)| list.contains(&format!("`{id}`"))));
    }
}
